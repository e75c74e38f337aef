const fields = [...element.querySelectorAll("[data-option]")];
/* What a field says; undefined for a number that is missing though it must be there. */
const said = field => {
  if (field.type === "checkbox") return field.checked;
  if (field.tagName === "SELECT") return field.value;
  if (field.value !== "") return Number(field.value);
  return "optional" in field.dataset ? null : undefined;
};
const write = () => {
  const given = props.value || {};
  fields.forEach(field => {
    const { method, option } = field.dataset;
    const value = given[method]?.[option] ?? JSON.parse(field.dataset.default);
    if (said(field) === value) return;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value ?? "";
  });
};
const read = () => {
  const given = {};
  fields.forEach(field => {
    const value = said(field), { method, option } = field.dataset;
    if (value !== undefined && value !== JSON.parse(field.dataset.default)) (given[method] ??= {})[option] = value;
  });
  props.value = given;
};
write();
watch("value", write);
element.addEventListener("input", read);

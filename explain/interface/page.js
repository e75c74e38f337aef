() => {
  let chosen = null, known = null;

  /* Every piece of a row is told which column it shows and what its score is; white space is no button. */
  const tell = () => {
    const details = document.querySelector("#explain-fine details");
    if (!details) return;
    if (details !== known) [known, chosen] = [details, details.dataset.marked || null];
    const said = JSON.parse(details.dataset.tokens);
    document.querySelectorAll(".tokens").forEach(row => {
      const told = [...(said[row.id.replace("explain-row-", "")] || [])];
      row.querySelectorAll(".token").forEach(token => {
        const blank = !token.textContent.trim();
        const [column, score] = (!blank && told.shift()) || [-1, ""];
        token.setAttribute("role", blank ? "none" : "button");
        token.title = score && `${token.textContent.trim()}: ${score}`;
        token.classList.toggle("chosen", column >= 0 && String(column) === chosen);
        if (column < 0) delete token.dataset.column; else token.dataset.column = column;
      });
    });
  };
  /* The blocks of the strip whose tokens are shown. */
  const place = () => {
    const where = document.querySelector("#explain-window-where .where");
    if (!where) return;
    let number = 0;
    document.querySelectorAll("#explain-window-map .token").forEach(token => {
      const block = /^\d+$/.test(token.textContent.trim());
      if (!block) number = -1;
      token.setAttribute("role", block ? "button" : "none");
      token.classList.toggle("here", block && number >= +where.dataset.first && number <= +where.dataset.last);
      number += 1;
    });
  };
  const mark = (name, column) =>
    document.querySelectorAll("#explain-stage [data-column]").forEach(e => e.classList.toggle(name, column !== null && e.dataset.column === column));

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; tell(); place(); });
  }).observe(document.body, { childList: true, subtree: true, characterData: true });

  const column = event => event.target.closest?.("#explain-stage [data-column]")?.dataset.column ?? null;
  for (const [over, out] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    document.addEventListener(over, event => mark("hovered", column(event)));
    document.addEventListener(out, () => mark("hovered", null));
  }
  document.addEventListener("mouseover", event => {
    const method = event.target.closest?.(".methods label");
    if (method) method.title = method.innerText.split("\n").slice(1).join(" ");
  });
  document.addEventListener("click", event => {
    if (event.target.closest?.(".tokens .token")) mark("chosen", chosen = column(event));
    const run = event.target.closest?.("#explain-run, #compare-run, #prompts-run, #dataset-run, [id^=explain-example-]");
    /* On a narrow page the answer is below the question: whoever asks is taken there. */
    if (run && window.innerWidth < 900) document.getElementById(run.closest("[id^=tab-]").id.replace("tab-", "") + "-stage")?.scrollIntoView();
  });
}

"""Looking inside a model without scoring tokens: lens, layers, critical heads, reports."""

// Starts the GOV.UK components of a page. Pages work without any of this.
import { initAll } from "../vendor/govuk-frontend.js";

initAll();

// On a narrow screen what is looked for comes before the ways of narrowing it.
if (matchMedia("(max-width: 60em)").matches) {
  for (const panel of document.querySelectorAll("[data-closed-on-narrow]")) panel.open = false;
}

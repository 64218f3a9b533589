// Starts the GOV.UK components of a page. Pages work without any of this.
import { initAll } from "../vendor/govuk-frontend.js";

initAll();

import "../shared/theme.css";
import { render } from "preact";
import { App } from "./app.js";
import { loadPage } from "./model/page.js";

const root = document.getElementById("app");
if (root !== null) {
  loadPage().then(
    (page) => render(<App page={page} />, root),
    (error: unknown) => {
      root.textContent = `The node did not answer: ${String(error)}. Reload the page to try again.`;
    },
  );
}

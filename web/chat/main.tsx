import "../shared/theme.css";
import { render } from "preact";
import { App } from "./app.js";
import { loadPage } from "./model/page.js";
import { signInByAddress } from "./model/session.js";

const root = document.getElementById("app");
if (root !== null) {
  loadPage().then(
    async (page) => {
      await signInByAddress(page).catch(() => undefined); // the form says more
      render(<App page={page} />, root);
    },
    (error: unknown) => {
      root.textContent = `The node did not answer: ${String(error)}. Reload the page to try again.`;
    },
  );
}

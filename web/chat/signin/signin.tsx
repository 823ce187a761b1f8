import { useSignal } from "@preact/signals";
import "./signin.css";
import type { PageConfig } from "../model/page.js";
import { signInWithName, signInWithToken } from "../model/session.js";
import { text } from "../text.js";

/** The form that asks for a token, and in development for a name. */
export function SignIn({ page, problem }: { page: PageConfig; problem: string }) {
  const failure = useSignal(problem);
  const busy = useSignal(false);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const token = String(fields.get("token") ?? "").trim();
    const name = String(fields.get("name") ?? "").trim();
    busy.value = true;
    try {
      if (token !== "") signInWithToken(token);
      else if (name !== "") await signInWithName(name);
      else failure.value = page.dev ? text.signIn.empty : text.signIn.emptyToken;
    } catch (error) {
      failure.value = error instanceof Error ? error.message : String(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <main class="signin">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1>{text.product}</h1>
        <p class="soft">{text.signIn.lead}</p>
        {page.dev && (
          <div>
            <label for="signin-name">{text.signIn.name}</label>
            <input id="signin-name" name="name" autocomplete="nickname" maxLength={64} aria-describedby="name-hint" />
            <p id="name-hint" class="soft">
              {text.signIn.nameHint}
            </p>
          </div>
        )}
        <div>
          <label for="signin-token">{text.signIn.token}</label>
          <textarea id="signin-token" name="token" rows={3} spellcheck={false} aria-describedby="token-hint" />
          <p id="token-hint" class="soft">
            {page.dev ? text.signIn.tokenHintDev : text.signIn.tokenHint}
          </p>
        </div>
        <p class="bad" role="alert">
          {failure.value !== "" && text.signIn.failed(failure.value)}
        </p>
        <button type="submit" class="primary" disabled={busy.value}>
          {text.signIn.button}
        </button>
      </form>
    </main>
  );
}

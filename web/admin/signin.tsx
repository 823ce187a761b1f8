import { useSignal } from "@preact/signals";
import { signIn } from "./model/api.js";
import { text } from "./text.js";

/** The form that asks for an API key. */
export function SignIn() {
  const failure = useSignal("");
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget as HTMLFormElement).get("key") ?? "").trim();
    busy.value = true;
    failure.value = "";
    try {
      await signIn(token);
    } catch (error) {
      failure.value = text.signIn.failed(error instanceof Error ? error.message : String(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1>{text.title}</h1>
        <div>
          <label for="key">{text.signIn.key}</label>
          <input id="key" name="key" type="password" autocomplete="off" required aria-describedby="key-hint" />
          <p id="key-hint" class="soft">
            {text.signIn.hint}
          </p>
        </div>
        <p class="bad" role="alert">
          {failure.value}
        </p>
        <button type="submit" class="primary" disabled={busy.value}>
          {text.signIn.button}
        </button>
      </form>
    </main>
  );
}

import { useSignal } from "@preact/signals";
import { useLive } from "../model/live.js";
import type { Setting } from "../model/types.js";
import { Problem, Table } from "../parts.js";
import { text } from "../text.js";

/** The effective configuration of the node, with masked secrets. */
export function Configuration() {
  const list = useLive<{ settings: Setting[] }>("/config", 30_000);
  const changed = useSignal(true);
  const { config: t } = text;
  const settings = (list.value.value?.settings ?? []).filter(
    (setting) => !changed.value || shown(setting.value) !== shown(setting.default),
  );
  return (
    <section class="card">
      <h2>{text.pages.config}</h2>
      <p class="soft">{t.hint}</p>
      <p class="fields">
        <label class="check">
          <input type="checkbox" checked={changed.value} onChange={(event) => (changed.value = event.currentTarget.checked)} />
          {t.changed}
        </label>
      </p>
      <Problem of={list.problem} />
      <Table label={text.pages.config} heads={[t.key, t.value, t.standard]}>
        {settings.map((setting) => (
          <tr key={setting.key}>
            <td>
              <code>{setting.key}</code>
            </td>
            <td class="words">
              <code>{shown(setting.value)}</code>
            </td>
            <td class="soft words">
              <code>{shown(setting.default)}</code>
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

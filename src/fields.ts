// An object of JSON or YAML whose fields are not checked yet.

export type Fields = Readonly<Record<string, unknown>>;

/** True for an object of fields, not a list. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value of a JSON text; undefined: it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

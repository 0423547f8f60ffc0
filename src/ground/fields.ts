// An object of JSON or YAML whose fields are not checked yet, and the type of what a schema made of it.

export type Fields = Readonly<Record<string, unknown>>;

/** True for an object of fields, not a list. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path of own keys; `undefined` if there is none. */
export const findNestedValue = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null && Object.hasOwn(part, key) ? Reflect.get(part, key) : undefined,
    value,
  );

/** The value of a JSON text; `undefined` if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a schema reads, of which nothing is changed: read-only in all depths. */
export type Frozen<T> = T extends number ? T : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

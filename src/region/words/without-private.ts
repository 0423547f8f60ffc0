// The details of power for readers who may not read power parameters.

/** The parameters for those who may read power parameters: a program's words hold the address and the user that it was given. */
const PRIVATE: readonly string[] = ['said', 'host', 'controller', 'guest'];

/** The same plain JSON for all readers: in every `detail` of power, private parameters are empty. */
export function withoutPrivate<Value>(value: Value): Value {
  const ofDetail = (key: string, part: unknown): unknown => (PRIVATE.includes(key) ? '' : part);
  const ofValue = (key: string, part: unknown): unknown =>
    key === 'detail' && part !== undefined ? JSON.parse(JSON.stringify(part, ofDetail)) : part;
  return JSON.parse(JSON.stringify(value, ofValue));
}

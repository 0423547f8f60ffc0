// Splits the target of an HTTP request in origin form. Source: RFC 9112 §3.2.1.

/** The path of a target, and its query without the question mark, both undecoded. The query is empty if there is none. */
export function splitTarget(origin: string): { readonly path: string; readonly query: string } {
  const mark = origin.indexOf('?');
  return mark === -1 ? { path: origin, query: '' } : { path: origin.slice(0, mark), query: origin.slice(mark + 1) };
}

// Checks the path of a file that a document names: it must stay below the URL of the document's site.
//
// Source: the URL Standard (WHATWG) §4.4 and §4.5: a scheme, a leading slash, a backslash, `..` and
// `%2e%2e` each lead out of a base URL; `?` and `#` end a path.
//
// 1. A contained path means the same in a URL and below a directory, however it is joined to its base.

const PATH_CHARACTERS_MAX = 1024;
/** The characters that paths of such sites contain. `%` is not allowed, so there is nothing to decode. */
const PATH = /^[A-Za-z0-9._~:+@,=()/-]+$/;
/** A scheme (RFC 3986 §3.1). A colon after the first slash makes no scheme. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** True for a relative path that stays below its base, such as `streams/v1/index.json`. */
export function isContainedPath(path: string): boolean {
  if (path.length > PATH_CHARACTERS_MAX || !PATH.test(path) || SCHEME.test(path)) return false;
  return path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
}

/** The rule in words, for faults. */
export const CONTAINED_PATH = 'a relative path below the site';

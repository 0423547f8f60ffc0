// Judges the path of a file that a document names: it must lie below the place of the document's site.
//
// Source: the URL Standard (WHATWG) §4.4 and §4.5: a scheme, a leading slash, a backslash, `..` and `%2e%2e` each lead out of a base URL;
// `?` and `#` end a path.
//
// 1. A contained path means the same as part of a URL and as a file below a directory, whatever joins it.

/** The longest path, in characters. */
const PATH_CHARACTERS_MAX = 1024;
/** Every character that the paths of such sites have. No `%`, so there is nothing to decode. */
const PATH = /^[A-Za-z0-9._~:+@,=()/-]+$/;
/** RFC 3986 §3.1. A colon after the first slash makes no scheme. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** True for a relative path that stays below its base: `streams/v1/index.json`. */
export function isContainedPath(path: string): boolean {
  if (path.length > PATH_CHARACTERS_MAX || !PATH.test(path) || SCHEME.test(path)) return false;
  return path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
}

/** The rule in words, for faults. */
export const CONTAINED_PATH = 'a relative path below the site';

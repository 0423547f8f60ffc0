// The names of the tests that a test file has and runs.
//
// 1. A test begins its line; commented-out tests, and tests skipped on every host, do not count.
// 2. A name is written out; one made from a pattern stands for itself only.

const COMMENT_BLOCK = /^[ \t]*\/\*[\s\S]*?\*\//gm;
const TEST = /^[ \t]*(?:test|it)\(\s*(?:'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`)\s*,\s*(\{[^}]*\})?/gm;
const SKIPPED = /\b(?:skip|todo):\s*(?:true\b|['"`])/;

/** The names of the tests in a test file's text that run; tests with needs that a host may lack count. */
export function testNamesIn(text: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, single, double, template, options = ''] of text.replaceAll(COMMENT_BLOCK, '').matchAll(TEST)) {
    const name = single ?? double ?? template;
    if (name !== undefined && !SKIPPED.test(options)) names.add(name);
  }
  return names;
}

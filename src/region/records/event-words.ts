// The words of an event as people read them, on the page and at the command line.

/** Text that begins with a capital; what begins with a key, a file or an address keeps its spelling. */
export const asSentence = (text: string): string =>
  /^[a-z]+(?:'s)?(?:[,:;]? |\.?$)/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;

/** What a power controller answered as it is: a good answer of HTTP, which says nothing more, and a body of JSON or HTML. */
const RAW = /(?:^|: )HTTP 2\d\d\b(?::.*)?|: [[{<].*/s;
/** What was added to it in words of our own. */
const ADDED = /[,;] but .*/s;

/** A text without what a power controller answered as it is. */
export function plainWords(text: string): string {
  const found = RAW.exec(text);
  const added = ADDED.exec(found?.[0] ?? '')?.[0] ?? '';
  const words = `${text.slice(0, found?.index)}${added}`.replace(/^[,;] /, '');
  return words === '' && text !== '' ? 'it answered' : words.replace(/^HTTP \d/, (code) => `it answered ${code}`);
}

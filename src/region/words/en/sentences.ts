// How the page and the command line show a sentence that the rack or the region has made.

/** The text with a capital first letter, unless it begins with a key, an interface, a file or an address. */
export const asSentence = (text: string): string =>
  /^[a-z]+(?:'s)?(?:[,:;.]? |\.?$)/.test(text) && !/^lo\b/.test(text)
    ? `${text.charAt(0).toUpperCase()}${text.slice(1)}`
    : text;

/** A power controller's raw answer: a successful HTTP status, which adds nothing, or a JSON or HTML body. */
const RAW = /(?:^|: )HTTP 2\d\d\b.*|: [[{<].*/s;
/** Our own words after the raw answer. */
const ADDED = /[,;] but .*/s;

/** The text without the power controller's raw answer. */
export function plainWords(text: string): string {
  const found = RAW.exec(text);
  const added = ADDED.exec(found?.[0] ?? '')?.[0] ?? '';
  const words = `${text.slice(0, found?.index)}${added}`.replace(/^[,;] /, '');
  return words === '' && text !== '' ? 'it answered' : words.replace(/^HTTP \d/, (code) => `it answered ${code}`);
}

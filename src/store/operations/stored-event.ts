// Events and remarks as text: a code, and parameters as JSON.
//
// 1. Texts are cleaned and bounded first: they may come from machines and other hosts.
// 2. An unknown code, perhaps of a later version, is shown as it is.

import { isPrintable, withoutUsers } from '../../ground/clean-text.ts';
import { type Fields, isFields } from '../../ground/fields.ts';
import type { Difference } from '../../region/records/difference.ts';
import { eventSentence, type Happening, isHappening, isRemark, type Remark } from '../../region/records/events.ts';
import { cleanWords } from '../../region/records/text-json.ts';

/** Characters of one text, as many as a sentence has. */
const TEXT_MAX = 500;
/** Characters of all texts of one event; beyond them a text keeps its first SHORT_MAX. */
const TEXTS_MAX = 1000;
const SHORT_MAX = 64;
/** More than a sentence shows. */
const LIST_MAX = 64;

/**
 * True for a short text: `cleanWords`, which takes four times as long, would not change it. Nearly
 * all texts are such.
 */
const isPlain = (text: string, max: number): boolean =>
  text.length <= max && isPrintable(text) && !text.includes('  ') && !text.startsWith(' ') && !text.endsWith(' ');

/** @param differs what the store found to differ; `undefined`: the event is not of a change */
export const packParams = ({ params }: Happening, differs?: readonly Difference[]): string =>
  packTexts(differs === undefined ? params : { ...params, differs });

/** Empty: none. */
export const packRemark = (remark: Remark | undefined): string =>
  remark === undefined ? '' : packTexts({ code: remark.code, params: remark.params });

/** @throws SyntaxError, TypeError */
export function unpackRemark(json: string): Remark | undefined {
  if (json === '') return undefined;
  const { code, params } = parseStoredFields(json);
  if (typeof code !== 'string' || !isFields(params)) throw new TypeError(NO_REMARK);
  const happening = { code, params };
  if (!isRemark(happening)) return { code: 'said', params: { text: code } };
  return happening;
}

const NO_REMARK = 'it is not a remark';

function parseStoredFields(json: string): Fields {
  const fields: unknown = JSON.parse(json);
  if (!isFields(fields)) throw new TypeError('it is not a record of fields');
  return fields;
}

function packTexts(value: unknown): string {
  let remainingCharacters = TEXTS_MAX;
  const packValue = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const max = Math.min(TEXT_MAX, Math.max(SHORT_MAX, remainingCharacters));
      const text = isPlain(value, max) ? value : cleanWords(value, max);
      remainingCharacters -= text.length;
      return text;
    }
    if (Array.isArray(value)) return value.slice(0, LIST_MAX).map(packValue);
    if (typeof value !== 'object' || value === null) return value;
    const parts: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(value)) if (part !== undefined) parts[name] = packValue(part);
    return parts;
  };
  return JSON.stringify(packValue(value));
}

/** Earlier versions stored URLs with passwords in these. */
const CONFIG_CODES = /^(?:config\..*|rack)$/;

const hideUrlUsers = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? withoutUsers(value) : value]),
  );

/** An unknown code becomes the event's text. @throws SyntaxError, TypeError */
export function unpackHappening(code: string, params: string): Happening {
  const fields = parseStoredFields(params);
  const happening = { code, params: CONFIG_CODES.test(code) ? hideUrlUsers(fields) : fields };
  return isHappening(happening) && hasSentence(happening) ? happening : { code: 'rack', params: { text: code } };
}

/** False for parameters of another version, or a hostile rack: a time that no date has, for example. */
function hasSentence(happening: Happening): boolean {
  try {
    eventSentence(happening);
    return true;
  } catch {
    return false;
  }
}

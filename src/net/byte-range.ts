// Decides which bytes of a file a request gets. Source: RFC 9110 §14.
//
// 1. A single range is served. Several ranges, another unit or a malformed field get the whole
//    file, as §14.2 allows.

/** Bytes from `start` up to, but not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type RangeChoice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  /** The range contains no byte of the file: 416. */
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeChoice = { kind: 'whole' };

/** The range that a Range field (`undefined` if absent) selects in a file of `sizeBytes`. */
export function chooseRange(field: string | undefined, sizeBytes: number): RangeChoice {
  if (field === undefined) return WHOLE;
  const match = /^bytes[ \t]*=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(field);
  const firstText = match?.[1] ?? '';
  const lastText = match?.[2] ?? '';
  if (match === null || (firstText === '' && lastText === '')) return WHOLE;
  if (firstText === '') {
    const length = Number(lastText);
    if (length === 0) return { kind: 'unsatisfiable' };
    // A shorter file is sent whole, even an empty file, which no Content-Range could describe.
    return length >= sizeBytes ? makeWhole(sizeBytes) : makePart(sizeBytes - length, sizeBytes);
  }
  const start = Number(firstText);
  if (lastText !== '' && Number(lastText) < start) return WHOLE;
  if (start >= sizeBytes) return { kind: 'unsatisfiable' };
  return makePart(start, lastText === '' ? sizeBytes : Math.min(Number(lastText) + 1, sizeBytes));
}

const makePart = (start: number, end: number): RangeChoice => ({ kind: 'part', range: { start, end } });
const makeWhole = (sizeBytes: number): RangeChoice => (sizeBytes === 0 ? WHOLE : makePart(0, sizeBytes));

// Suggests the nearest existing name for an unknown one.

/** Names that need more edits are not suggested. */
const SUGGESTION_EDITS_MAX = 6;
/** How many characters of the text are compared. */
const COMPARED_CHARACTERS_MAX = 64;

/** Fewer letters abbreviate too many names. */
const ABBREVIATION_CHARACTERS_MIN = 3;

/** The name most similar to `text`; `undefined` if none is similar. */
export function findNearestName(text: string, names: readonly string[]): string | undefined {
  const comparedText = text.slice(0, COMPARED_CHARACTERS_MAX);
  const longer = names.filter((name) => comparedText.length > 2 && name.includes(comparedText));
  const withPrefix = longer.filter((name) => name.startsWith(comparedText)).toSorted((a, b) => a.length - b.length)[0];
  if (withPrefix !== undefined) return withPrefix;
  const ranked = names
    .map((name) => ({ name, edits: countEdits(comparedText, name) }))
    .toSorted((a, b) => a.edits - b.edits);
  const [nearest] = ranked;
  if (nearest === undefined) return undefined;
  if (nearest.edits <= Math.min(SUGGESTION_EDITS_MAX, comparedText.length / 3)) return nearest.name;
  return longer[0] ?? findAbbreviated(comparedText, names);
}

/** The question whether the nearest name was meant, to put before a remedy; empty if no name is near. */
export function composeNearestHint(text: string, names: readonly string[]): string {
  const suggestion = findNearestName(text, names);
  return suggestion === undefined ? '' : `did you mean ${suggestion}? `;
}

/**
 * The shortest name with the same first letter that has the other letters in this order: `pwr` for
 * `power`.
 */
function findAbbreviated(text: string, names: readonly string[]): string | undefined {
  if (text.length < ABBREVIATION_CHARACTERS_MIN) return undefined;
  const isAbbreviated = (name: string): boolean => {
    let matchedCount = 0;
    for (const character of name) if (character === text[matchedCount]) matchedCount += 1;
    return name[0] === text[0] && matchedCount === text.length;
  };
  return names.filter(isAbbreviated).toSorted((a, b) => a.length - b.length)[0];
}

/**
 * The edit distance: characters inserted, deleted, replaced, or swapped with the next one, to turn
 * `a` into `b`.
 */
function countEdits(a: string, b: string): number {
  let rowBeforePrevious: readonly number[] = [];
  let previousRow = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const currentRow = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (previousRow[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swap = isSwap ? (rowBeforePrevious[column - 2] ?? 0) + 1 : change;
      currentRow.push(Math.min(change, swap, (previousRow[column] ?? 0) + 1, (currentRow[column - 1] ?? 0) + 1));
    }
    rowBeforePrevious = previousRow;
    previousRow = currentRow;
  }
  return previousRow[b.length] ?? 0;
}

// The selections of a site's file of sources: the images that the region imports, as its API selects them
// (`region/api/images/boot-source-operations.ts`).

import { z } from 'zod';
import { composeNearestHint } from '../ground/nearest-name.ts';
import { type Report, reportIssue } from '../images/sources/decode-sources.ts';
import type { AddedSelection, ImageSource, SourceProblem } from '../images/sources/source.ts';
import { listSchema, name, patternSchema } from '../images/sources/written-source.ts';
import { SELECTED_ENTRY, SELECTED_NAME, SELECTIONS_MAX } from '../region/records/boot-store.ts';

const WILDCARD = '*';

const selectedName = patternSchema('"*", or a name such as noble, in quotes if it is a number', SELECTED_NAME).default(
  WILDCARD,
);
const entries = listSchema(patternSchema('"*", or a name such as amd64', SELECTED_ENTRY))
  .transform((list) => (list.includes(WILDCARD) ? [WILDCARD] : list))
  .default([WILDCARD]);
const selection = z.strictObject(
  {
    source: name,
    os: selectedName,
    release: selectedName,
    arches: entries,
    subarches: entries,
    labels: entries,
  },
  { error: 'expected keys with values: source, os, release, arches, subarches, labels' },
);
const writtenSelections = z
  .array(selection, { error: 'expected a list of selections' })
  .max(SELECTIONS_MAX, { error: `expected at most ${SELECTIONS_MAX} selections` });
const KEYS = Object.keys(selection.shape);

/**
 * Decodes the value of the key `selections`, `undefined` if it is absent. Each system and release
 * of a source is selected at most once.
 */
export function decodeSelections(value: unknown, report: Report): readonly AddedSelection[] {
  if (value === undefined) return [];
  const parsed = writtenSelections.safeParse(value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) reportIssue(issue, 'selections', report, KEYS);
    return [];
  }
  const firstIndexes = new Map<string, number>();
  for (const [index, { source, os, release }] of parsed.data.entries()) {
    const image = `${os}/${release} of ${source}`;
    const firstIndex = firstIndexes.get(image);
    if (firstIndex === undefined) firstIndexes.set(image, index);
    else report(`selections[${index}]`, `selections[${firstIndex}] has ${image}, too: make one of them`);
  }
  return parsed.data;
}

/** The problems of selections whose source does not exist. */
export const findLostSelections = (
  sources: readonly ImageSource[],
  selections: readonly AddedSelection[],
): readonly SourceProblem[] => {
  const names = sources.map((source) => source.name);
  return selections.flatMap(({ source }, index) => {
    if (names.includes(source)) return [];
    const hint = composeNearestHint(source, names);
    const message = `there is no source ${source}; ${hint}\`rackboot images sources list\` shows all`;
    return [{ path: `selections[${index}].source`, message }];
  });
};

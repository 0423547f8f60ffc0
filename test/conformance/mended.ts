// `node test/conformance/mended.ts ['a part of a point' 'of what holds' …]`: what strangers and other people's test suites once broke is broken again, one
// thing after the other, in a copy of the tree; one of the tests that show it must then fail, by an assertion. Without words it tries all.
//
// 1. mended.test.ts keeps the table to the tree: tests and cases exist, and each break finds what it breaks. long/mended.test.ts tries each row.
// 2. A break undoes what holds and, as far as that can be, nothing else.
// 3. What the RFCs of DHCP demand stands in must-breaks.ts; attacks on a whole rack stand in test/hostile/changes.ts.

import { BrokenTree } from './broken-tree.ts';
import { DOOR_POINTS } from './mended/doors.ts';
import type { MendedPoint } from './mended/row.ts';
import { SUITE_POINTS } from './mended/suites.ts';
import { WIRE_POINTS } from './mended/wire.ts';

export const MENDED: readonly MendedPoint[] = [...WIRE_POINTS, ...DOOR_POINTS, ...SUITE_POINTS];

if (import.meta.main) {
  const words = process.argv.slice(2);
  const tree = new BrokenTree('mended');
  try {
    for (const { point, rows } of MENDED) {
      for (const { holds, tests, breaks, secondsMax } of rows) {
        const name = `${point}: ${holds}`;
        if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
        const shown = await tree.try(breaks, tests, secondsMax).catch(String);
        console.log(`${shown === 'failed' ? '✔' : '✖'} ${shown} ${name}`);
      }
    }
  } finally {
    tree.remove();
  }
}

// `node bin/with-node.js test/conformance/mended.ts ['a part of a point' 'a part of a promise' …]` breaks, in a copy of the tree, each behaviour
// that attackers and other projects' test suites once found broken. One of its tests must then fail by an assertion. Without words it tries all.
//
// 1. mended.test.ts keeps the table to the tree: tests and cases exist, and each break finds what it breaks. long/mended.test.ts tries each row.
// 2. A break undoes its promise and, as far as possible, nothing else.
// 3. must-breaks.ts has the demands of the RFCs of DHCP; test/hostile/changes.ts has attacks on a whole rack.

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

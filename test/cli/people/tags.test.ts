// `rackboot tags list`: how many machines have each tag, and the definitions by which machines get it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listTags } from '../../../src/cli/people/people.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const SERIAL = { name: 'serial', comment: 'a console', kernel_opts: 'console=ttyS0', definition: '' };
const XEON = { name: 'xeon', comment: '', kernel_opts: '', definition: '//node[@id="cpu"]' };
const MACHINES = [{ tag_names: ['xeon', 'serial'] }, { tag_names: ['xeon'] }, { tag_names: [] }];

for (const [title, tags, lines] of [
  [
    'a tag with a definition shows it, and every tag its number of machines',
    [SERIAL, XEON, { ...SERIAL, name: 'spare' }],
    [
      'TAG     MACHINES  DEFINITION         KERNEL PARAMETERS  COMMENT',
      'serial  1         -                  console=ttyS0      a console',
      'xeon    2         //node[@id="cpu"]  -',
      'spare   0         -                  console=ttyS0      a console',
    ],
  ],
  [
    'without definitions there is no column for them',
    [SERIAL],
    ['TAG     MACHINES  KERNEL PARAMETERS  COMMENT', 'serial  1         console=ttyS0      a console'],
  ],
  ['without tags the list says how to make one', [], ['There are no tags yet: rackboot tags add NAME']],
] as const)
  test(title, async (t) => {
    const { config } = await answerControl(t, { '/MAAS/api/2.0/tags/': tags, '/MAAS/api/2.0/machines/': MACHINES });
    const { text } = await printedBy(() => listTags({ config, json: false }));
    // Other tests of this process may have named the program otherwise.
    assert.deepEqual(
      text
        .trimEnd()
        .replace(/(?<=: ).*rackboot(?:\.js)?(?= tags)/, 'rackboot')
        .split('\n'),
      lines,
    );
  });

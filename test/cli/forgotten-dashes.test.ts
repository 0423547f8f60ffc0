// `npm start --machines 4`, as npm passes it on: without the options it kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgottenDashes } from '../../src/cli/commands.ts';

const NPM = { npm_lifecycle_event: 'start' };
const CASES: readonly (readonly [args: string[], environment: Record<string, string>, meant: string | undefined])[] = [
  [['lab', '4'], { ...NPM, npm_config_machines: 'true' }, 'npm start -- --machines 4'],
  [['lab'], { ...NPM, npm_config_machines: '4' }, 'npm start -- --machines 4'],
  [
    ['lab', '40', '2'],
    { ...NPM, npm_config_machines: 'true', npm_config_racks: 'true' },
    'npm start -- --machines 40 --racks 2',
  ],
  [['lab'], { ...NPM, npm_config_vm: 'true' }, 'npm start -- --vm'],
  [['lab'], { ...NPM, npm_config_machines: 'true' }, 'npm start -- --machines N'],
  [['lab', '--machines', '4'], NPM, undefined],
  [['lab'], { npm_config_vm: 'true' }, undefined],
  [['status'], { ...NPM, npm_config_machines: '4' }, undefined],
];

for (const [args, environment, meant] of CASES)
  test(`${args.join(' ')} with ${JSON.stringify(environment)} is answered with ${meant ?? 'nothing'}`, () => {
    const said = forgottenDashes(args, environment);
    if (meant === undefined) assert.equal(said, undefined);
    else
      assert.match(said ?? '', new RegExp(`^rackboot: npm kept .* for itself\\. Put -- before the options: ${meant}$`));
  });

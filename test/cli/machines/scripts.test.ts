// `rackboot scripts`: the tags of scripts are sent, and shown if there are any.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { addScript, listScripts } from '../../../src/cli/machines/scripts.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const PATH = '/MAAS/api/2.0/scripts/';
const SCRIPT = { name: 'fan', type: 2, title: 'Fans', timeout_seconds: 60, position: 50, bytes: 10 };

test('the list has a column of tags if a script has one', async (t) => {
  const listed = async (...scripts: readonly object[]): Promise<string> => {
    const { config } = await answerControl(t, { [PATH]: scripts });
    return (await printedBy(() => listScripts({ config: config, json: false }))).text;
  };
  assert.doesNotMatch(await listed({ ...SCRIPT, tags: [] }), /TAGS/);
  const tagged = await listed({ ...SCRIPT, tags: ['hot', 'slow'] }, { ...SCRIPT, name: 'bios', tags: [] });
  assert.match(tagged, /SIZE +TAGS +TITLE/);
  assert.match(tagged, /^fan .* hot,slow +Fans$/m);
});

test('the tags of a new script are sent with it', async (t) => {
  const { config, bodies } = await answerControl(t, { [PATH]: { ...SCRIPT, tags: ['hot', 'slow'] } });
  const file = join(dirname(config), 'fan.sh');
  writeFileSync(file, '#!/bin/sh\n');
  const add = async (more: object): Promise<string | null> => {
    await printedBy(() => addScript({ config, json: false, file, replace: false, ...more }));
    return new URLSearchParams(bodies.at(-1)).get('tags');
  };
  assert.equal(await add({ tag: ['hot', 'slow'] }), 'hot,slow');
  assert.equal(await add({}), null);
});

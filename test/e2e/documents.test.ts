// Tests that pages of README and docs print what they show: each page is run from its beginning to its end, in a laboratory with a real daemon
// and a simulated machine. test/documents/commands.ts lists the commands that are not run.
// @host waits, 30 s
// @long more

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { endedWell, FIRST_PAGES, runPage, shownPages, untrue } from '../documents/shown.ts';
import { ShownRack } from '../documents/shown-rack.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

const pages = HAS_MANY_ROUNDS ? shownPages() : FIRST_PAGES;

const skip = missing('linux', 'root', 'ip', 'mount', 'curl', 'dig', 'jq', 'tcpdump');
describe('the commands of the documents', { skip }, () => {
  let rack: ShownRack;
  before(async () => {
    rack = await ShownRack.open();
  });
  after(() => rack?.close());

  for (const path of pages)
    test(`${path} shows the output of its commands`, async () => {
      const wrong = (await runPage(rack, path)).flatMap((command) => {
        const place = `${path}:${command.line}: ${command.command}`;
        const lines = untrue(command).map((line) => `${place}: it does not print: ${line}`);
        const end = endedWell(command) ? [] : [`${place}: exit status ${command.code}: ${command.printed.join('\n')}`];
        return [...end, ...lines];
      });
      assert.deepEqual(
        wrong,
        [],
        'correct the page, or write it again: node bin/with-node.js test/documents/shown.ts --write',
      );
    });
});

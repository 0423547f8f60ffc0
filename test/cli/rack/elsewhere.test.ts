// What `rackboot trace` and `rackboot why` say of a machine that another rack boots, asked on the host of the region.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { traceMachine } from '../../../src/cli/rack/trace.ts';
import { explainMachine } from '../../../src/cli/rack/why.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { printedBy } from '../../support/printed.ts';

const MAC = '52:54:00:00:00:01';
const MACHINE = { systemId: 'abc', hostname: 'calm-ibis', domain: 'maas', status: 'Ready', purpose: 'poweroff' };
const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
const told = (second: number, rack: string | null, kind: string | null, description: string) => ({
  ...{ level: 'DEBUG', type: 'DHCP', time: at(second), kind, rack, description },
});
const KNOWN = {
  ...{ number: 1, boot: 0, at: at(5), lastAt: at(5), times: 1, kind: 'machine.known', level: 'info' },
  ...{ text: 'The region knows it', fields: {} },
};
const ANSWERS = {
  '/status': { name: 'rack-1' },
  '/trace': {
    ...{ mac: MAC, machine: MACHINE, missed: 0, firstReportedMs: Date.parse(at(5)), steps: [KNOWN] },
    waiting: 'its next boot; heard of 1 min 49 s ago',
  },
  '/why': {
    ...{ mac: MAC, basis: 'unseen', boots: [], obstacles: [] },
    machine: { name: 'calm-ibis.maas', systemId: 'abc', status: 'Ready', purpose: 'poweroff' },
  },
  '/MAAS/api/2.0/events/': {
    events: [
      told(9, 'rack-2', 'tftp.sent', 'Loaded ipxe.efi'),
      told(8, 'rack-1', 'dhcp.offer', 'told by the timeline, too'),
      told(7, 'rack-2', 'dhcp.offer', 'Asked for an address'),
      told(6, null, null, 'Commissioning'),
      told(1, 'rack-1', 'dhcp.ack', 'Took an address long ago'),
    ],
  },
};

/** What a command prints, where the machine is at home with these racks. */
async function printed(racks: readonly string[], command: (config: string) => Promise<unknown>): Promise<string> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-elsewhere-'));
  const config = join(stateDir, 'rackboot.yaml');
  writeFileSync(config, `name: rack-1\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  const answers = new Map<string, unknown>([
    ...Object.entries(ANSWERS),
    ['/MAAS/api/2.0/machines/abc/', { rack_names: racks }],
  ]);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answers.get(pathname)));
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    return (await printedBy(() => command(config))).text;
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
}

const traced = (racks: readonly string[], json = false): Promise<string> =>
  printed(racks, (config) =>
    traceMachine({ config, machine: MAC, follow: false, json, since: undefined }, () => Date.parse(at(10))),
  );
const why = (config: string) => explainMachine({ config, machine: MAC, arch: undefined, json: false });

/** The heads of a trace and what is told below them, without times. */
const linesOf = (said: string): readonly string[] =>
  said
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/^ .* {2}(?=\S)/, '- ').replace(/, \d{4}-.*/, ''));

test('trace tells what another rack told whole, says who told it, and where to ask', async () => {
  assert.deepEqual(linesOf(await traced(['rack-2'])), [
    ...['before the rack was started', '- Took an address long ago'],
    ...['told by rack rack-2', '- Asked for an address', '- Loaded ipxe.efi'],
    ...['what this rack knows of it', '- The region knows it'],
    'It is at home with rack rack-2: ask there, by rackboot trace on the host of that rack.',
  ]);
});

test('trace of a machine of this rack and of another says what it waits for here', async () => {
  const lines = linesOf(await traced(['rack-1', 'rack-2']));
  assert.equal(lines.at(-1), 'Waiting for its next boot; heard of 1 min 49 s ago.');
  assert.ok(lines.includes('before its first boot') && lines.includes('told by rack rack-2'), lines.join('|'));
});

test('trace as JSON names the rack of each step that another one told', async () => {
  const { home, steps } = JSON.parse(await traced(['rack-2'], true));
  assert.deepEqual(home, ['rack-2']);
  assert.deepEqual(
    steps.map(({ rack }: { readonly rack?: string }) => rack),
    [undefined, 'rack-2', 'rack-2', undefined],
  );
});

test('why names the rack with which a machine is at home, and says to ask there', async () => {
  const ask = /^It is at home with rack rack-2: ask there, by rackboot why on the host of that rack\.$/m;
  assert.match(await printed(['rack-2'], why), ask);
  assert.doesNotMatch(await printed(['rack-1'], why), ask);
  assert.doesNotMatch(await printed([], why), ask, 'no rack has shown it');
});

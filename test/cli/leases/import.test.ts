// The output of `rackboot leases import`, against a daemon with scripted answers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importLeases } from '../../../src/cli/leases/import.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { printedBy } from '../../support/printed.ts';

const END = 1_800_000_000;
const lineOf = (at: number): string => `${END} 52:54:00:aa:00:01 10.20.${at >> 8}.${at & 255} * *`;

/** Imports dnsmasq's leases of these addresses of 10.20.0.0/16. @returns the output, and the exit code or the failure */
async function importOf(addresses: readonly number[], json: boolean, answers: readonly (object | undefined)[]) {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-import-'));
  const [config, file] = [join(stateDir, 'rackboot.yaml'), join(stateDir, 'dnsmasq.leases')];
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\n`);
  writeFileSync(file, addresses.map(lineOf).join('\n'));
  let asked = 0;
  const server = createServer((request, response) => {
    const answer = request.method === 'POST' ? answers[asked++] : {};
    request.resume().once('end', () => {
      response.statusCode = answer === undefined ? 500 : 200;
      response.end(answer === undefined ? 'the disk is full' : JSON.stringify(answer));
    });
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    const args = { config, files: [file], format: undefined, dryRun: false, json };
    const importing = (): Promise<unknown> => importLeases(args).catch((error: unknown) => error);
    const { result, text } = await printedBy(importing);
    return { result, text: text.replaceAll(file, 'FILE') };
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
}

const many = Array.from({ length: 600 }, (_, at) => at);
const FIRST = { taken: 499, left: [{ line: 3, reason: 'address-leased' }] };

test('an import that fails midway prints what it has imported, and fails', async () => {
  const { result, text } = await importOf(many, false, [FIRST, undefined]);
  assert.ok(result instanceof Error);
  assert.match(result.message, /the disk is full/);
  assert.match(text, /^FILE:3: 10\.20\.0\.2: Another client holds the address here/);
  const taken = '499 leases were imported into the running rack before the import failed; the rest was not tried.';
  assert.equal(text.split('\n')[1], taken);
  const reported = JSON.parse((await importOf(many, true, [FIRST, undefined])).text);
  assert.deepEqual([reported.whole, reported.taken, reported.problemCount], [false, 499, 1]);
});

test('a complete import says so, and each skipped entry has the line of its address’s last entry', async () => {
  const left = [{ line: 4, reason: 'address-leased' }];
  const { result, text } = await importOf([1, 2, 3, 2], false, [{ taken: 2, left }]);
  assert.equal(result, 1);
  assert.match(text, /^FILE:4: 10\.20\.0\.2: .*\n2 leases were imported into the running rack\.\n/);
  assert.equal(JSON.parse((await importOf([1], true, [{ taken: 1, left: [] }])).text).whole, true);
});

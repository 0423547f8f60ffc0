// The part of the agent that has a network card wake the machine, with a simulated ethtool.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { missing } from '../../support/needs.ts';

const SOURCES = join(import.meta.dirname, '..', '..', '..', 'src', 'images');
const WAKE = join(SOURCES, 'build', 'environment', 'wake');
const AGENT = join(SOURCES, 'agent', 'agent.sh');
const MAC = '52:54:00:77:00:01';

/** The output of ethtool 6.1 for a card, whose setting a file holds. */
const ethtool = (supported: string, obeys: boolean): string => `#!/bin/sh
echo "$*" >>"$STATE/asked"
if [ "$1" = -s ]; then ${obeys ? 'echo "$4" >"$STATE/wol"' : 'exit 1'}; exit 0; fi
printf 'Settings for %s:\\n\\tSupported ports: [ TP ]\\n' "$1"
${supported === '' ? '' : `printf '\\tSupports Wake-on: ${supported}\\n\\tWake-on: %s\\n' "$(cat "$STATE/wol" 2>/dev/null || echo d)"`}
printf '\\tLink detected: yes\\n'
`;

const CARDS: readonly (readonly [name: string, supported: string, obeys: boolean, wakes: boolean])[] = [
  ['a card that was disabled is enabled', 'pumbg', true, true],
  ['a card without the magic packet is left alone', 'pumb', true, false],
  ['a card that does not obey is not proposed', 'g', false, false],
  ['a virtual card has no such setting', '', true, false],
];

describe('Wake-on-LAN of the booted card', { skip: missing('busybox') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-wake-'));
  after(() => rmSync(scratch, { recursive: true, force: true }));

  function place(name: string, tool: string): { readonly directory: string; readonly env: NodeJS.ProcessEnv } {
    const directory = join(scratch, name.replaceAll(' ', '-'));
    mkdirSync(join(directory, 'packed'), { recursive: true });
    writeFileSync(join(directory, 'packed', 'ethtool.gz'), gzipSync(tool));
    const env = { PATH: process.env.PATH, STATE: directory, RACKBOOT_POWER_TOOLS: join(directory, 'packed') };
    return { directory, env };
  }

  for (const [name, supported, obeys, wakes] of CARDS)
    for (const shell of [['sh'], ['busybox', 'sh']] as const)
      test(`${name} (${shell.join(' ')})`, () => {
        const { directory, env } = place(`${name} ${shell.join(' ')}`, ethtool(supported, obeys));
        const [program, ...args] = shell;
        const { stdout, status } = spawnSync(program, [...args, WAKE, directory, 'eth0'], { env, encoding: 'utf8' });
        assert.deepEqual([stdout, status], [wakes ? 'wakes=yes\n' : '', 0]);
        const asked = readFileSync(join(directory, 'asked'), 'utf8').split('\n');
        assert.equal(asked.includes('-s eth0 wol g'), supported.includes('g'));
      });

  test('the agent proposes it for the booted card, unless the machine has a BMC', () => {
    const { directory, env } = place('agent', ethtool('g', true));
    const functions = readFileSync(AGENT, 'utf8').split(/^umask 077$/m, 1)[0] ?? '';
    const collected = (bmc: string): string => {
      const body = `${functions}\nsay() { :; }\ncollect_bmc() { ${bmc}; }\nboot_nic=eth0\nfirst=${MAC}\ncollect_power\necho "$power_type $power_parameters"`;
      const all = { ...env, RACKBOOT_TMP: directory, RACKBOOT_WAKE: WAKE };
      return spawnSync('sh', ['-c', body], { env: all, encoding: 'utf8' }).stdout.trim();
    };
    assert.equal(collected(':'), `wakeonlan {"mac_address":"${MAC}"}`);
    assert.equal(collected('power_type=ipmi'), 'ipmi');
  });
});

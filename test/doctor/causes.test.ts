// One cause is one line of the doctor's report.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { Causes } from '../../src/doctor/causes.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { DoctorOptions } from '../../src/doctor/doctor-options.ts';
import type { Finding } from '../../src/doctor/finding.ts';

type Told = readonly [check: string, ok: boolean | 'note', cause?: string];

function reported(...told: readonly Told[]): readonly string[] {
  const lines: string[] = [];
  const report = ({ check, ok, isNote, text }: Finding): void =>
    void lines.push(`${isNote === true ? 'note' : ok ? 'ok' : 'BAD'} ${check}: ${text}`);
  const causes = new Causes(report);
  for (const [check, ok, cause] of told) {
    const finding = { check, ok: ok !== false, text: '-', cause };
    causes.add(ok === 'note' ? { ...finding, isNote: true } : finding);
  }
  causes.end();
  return lines;
}
const explains = (check: string, others: string): string => `note ${check}: is also why there is no line of ${others}`;

const CASES: readonly (readonly [name: string, told: readonly Told[], lines: readonly string[]])[] = [
  [
    'an effect is named at the end, once',
    [
      ['tree', false, 'tree'],
      ['images', false, 'tree/images'],
      ['images', false, 'tree/images'],
      ['dns', false],
    ],
    ['BAD tree: -', 'BAD dns: -', explains('tree', 'images')],
  ],
  [
    'an equal cause is told once, another one is told',
    [
      ['region from lab', false, 'rack/region'],
      ['region from far', false, 'rack/region'],
      ['dns', false, 'rack/dns'],
    ],
    ['BAD region from lab: -', 'BAD dns: -', explains('region from lab', 'region from far')],
  ],
  [
    'a note explains notes, and no fault',
    [
      ['tree', 'note', 'tree'],
      ['images', 'note', 'tree'],
      ['tftp x', false, 'tree/x'],
    ],
    ['note tree: -', 'BAD tftp x: -', explains('tree', 'images')],
  ],
  [
    'what is well has no cause, and a check without one is always told',
    [
      ['tree', true, 'tree'],
      ['images', false, 'tree/images'],
      ['dns', false],
      ['dns', false],
    ],
    ['ok tree: -', 'BAD images: -', 'BAD dns: -', 'BAD dns: -'],
  ],
];

for (const [name, told, lines] of CASES) test(name, () => assert.deepEqual(reported(...told), lines));

test('a tree that the rack cannot read is one fault, whatever fails because of it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-doctor-causes-'));
  const parsed = parseConfig(`state_dir: ${directory}
boot: { tree: ${join(directory, 'boot')}, profiles: [{ name: live, file: profiles/linux }] }
dns: { listen: [] }
`);
  const config = parsed.ok ? parsed.config : assert.fail();
  const found: Finding[] = [];
  const options: DoctorOptions = {
    config,
    commands: { start: 'START', config: '', network: 'NETWORK' },
    isRunning: true,
    gateways: [],
    ports: { absent: [], portHolders: [] },
    xid: 1,
    onFinding: (finding) => found.push(finding),
  };
  const faults = (): readonly string[] => found.splice(0).flatMap(({ check, ok }) => (ok ? [] : [check]));
  assert.equal(await examine(options), false);
  assert.deepEqual(faults(), ['images', 'profile live']);
  const running = (...findings: readonly (readonly [check: string, cause: string])[]) => ({
    running: {
      findings: findings.map(([check, cause]) => ({ check, text: 'fails', isNote: false, cause })),
      ranges: [],
    },
  });
  assert.equal(await examine({ ...options, ...running(['boot tree', 'tree']) }), false);
  assert.deepEqual(faults(), ['boot tree']);
  await examine({ ...options, isSilent: true, ...running(['region', 'rack/region']) });
  assert.deepEqual(faults(), ['rackboot', 'images', 'profile live']);
  const waiting = (cause: string) => [`network ${cause}`, `interface eth1/${cause}`] as const;
  await examine({ ...options, ...running(waiting('is down'), waiting('is down'), waiting('10.0.0.1')) });
  assert.deepEqual(faults(), ['network is down', 'network 10.0.0.1', 'images', 'profile live']);
  rmSync(directory, { recursive: true });
});

// The command that starts a stopped rack or region: the unit only if it is installed, and the configuration that was named.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { REGION_CONFIG } from '../../src/config/region-config-place.ts';
import {
  defaultConfig,
  defaultRackConfig,
  defaultRegionConfig,
  defaultStoreConfig,
} from '../../src/control/default-config.ts';
import { findTypedConfig, isUnitInstalled, startCommand } from '../../src/control/start-command.ts';
import { RACK_CONFIG } from '../../src/region/config.ts';

test('the unit starts the rack of the default configuration, and only if it is installed', () => {
  const yes = (unit: string): boolean => unit === 'rackboot';
  assert.equal(startCommand(RACK_CONFIG, yes), 'sudo systemctl start rackboot');
  assert.equal(
    startCommand(RACK_CONFIG, () => false),
    'sudo rackboot run',
  );
  assert.equal(startCommand('/tmp/my rack.yaml', yes), "sudo rackboot run --config '/tmp/my rack.yaml'");
});

test('a unit starts nothing where systemd does not run', () => {
  const unit = '/lib/systemd/system/rackboot.service';
  for (const [paths, expected] of [
    [[unit], false],
    [['/run/systemd/system'], false],
    [['/run/systemd/system', unit], true],
  ] as const)
    assert.equal(
      isUnitInstalled('rackboot', (path) => paths.some((one) => one === path)),
      expected,
    );
});

test('a file that names a store is started as a region', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-start-'));
  const file = join(directory, 'region.yaml');
  try {
    writeFileSync(file, 'state_dir: /s\nregion: { store: { kind: sqlite } }\n');
    assert.equal(
      startCommand(file, () => true),
      `sudo rackboot region run --config ${file}`,
    );
    writeFileSync(file, 'state_dir: /s\n');
    assert.equal(
      startCommand(file, () => true),
      `sudo rackboot run --config ${file}`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("without a name it is a rack's, or the region's on a host that has only that", () => {
  if (process.env.RACKBOOT_CONFIG !== undefined) return;
  assert.equal(
    defaultConfig((file) => file === REGION_CONFIG),
    REGION_CONFIG,
  );
  assert.equal(defaultRackConfig(), RACK_CONFIG);
  assert.equal(
    defaultConfig(() => true),
    RACK_CONFIG,
  );
  assert.equal(
    defaultConfig(() => false),
    RACK_CONFIG,
  );
});

test("the store of a region is that of its own file or, without one, the rack's", () => {
  if (process.env.RACKBOOT_CONFIG !== undefined) return;
  for (const [files, file] of [
    [[RACK_CONFIG, REGION_CONFIG], REGION_CONFIG],
    [[REGION_CONFIG], REGION_CONFIG],
    [[RACK_CONFIG], RACK_CONFIG],
    [[], RACK_CONFIG],
  ] as const)
    assert.equal(
      defaultStoreConfig((one) => files.some((known) => known === one)),
      file,
    );
});

test('an empty RACKBOOT_CONFIG names no file', (t) => {
  const former = process.env.RACKBOOT_CONFIG;
  t.after(() => {
    if (former === undefined) delete process.env.RACKBOOT_CONFIG;
    else process.env.RACKBOOT_CONFIG = former;
  });
  process.env.RACKBOOT_CONFIG = '';
  assert.equal(
    defaultConfig(() => true),
    RACK_CONFIG,
  );
  assert.deepEqual([defaultRackConfig(), defaultRegionConfig()], [RACK_CONFIG, REGION_CONFIG]);
});

test('the configuration is the one named on the command line', () => {
  assert.equal(findTypedConfig(['node', 'main.ts', 'status', '--config', '/tmp/a.yaml']), '/tmp/a.yaml');
  assert.equal(findTypedConfig(['node', 'main.ts', 'status', '--config=/tmp/b.yaml', '--json']), '/tmp/b.yaml');
  assert.equal(findTypedConfig(['node', 'main.ts', 'status']), process.env.RACKBOOT_CONFIG ?? RACK_CONFIG);
});

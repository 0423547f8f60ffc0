// The command that starts a stopped rack: the unit only if it is installed, and the configuration that was named.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONFIG } from '../../src/control/default-config.ts';
import { startCommand, typedConfig } from '../../src/control/start-command.ts';

test('the unit starts the rack of the default configuration, and only if it is installed', () => {
  assert.equal(startCommand(DEFAULT_CONFIG, true), 'sudo systemctl start rackboot');
  assert.equal(startCommand(DEFAULT_CONFIG, false), 'sudo rackboot run');
  assert.equal(startCommand('/tmp/my rack.yaml', true), "sudo rackboot run --config '/tmp/my rack.yaml'");
});

test('the configuration is the one named on the command line', () => {
  assert.equal(typedConfig(['node', 'main.ts', 'status', '--config', '/tmp/a.yaml']), '/tmp/a.yaml');
  assert.equal(typedConfig(['node', 'main.ts', 'status', '--config=/tmp/b.yaml', '--json']), '/tmp/b.yaml');
  assert.equal(typedConfig(['node', 'main.ts', 'status']), process.env.RACKBOOT_CONFIG ?? DEFAULT_CONFIG);
});

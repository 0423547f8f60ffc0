import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ModuleInfo, normaliseModuleName } from '../../../src/images/build/kernel-module.ts';
import {
  chooseModules,
  type ModuleChoice,
  renderAliases,
  renderDependencies,
} from '../../../src/images/build/module-set.ts';

/** A kernel of invented modules: path and module information. */
const KERNEL: Readonly<Record<string, Partial<ModuleInfo>>> = {
  'kernel/drivers/net/ethernet/intel/igb.ko.xz': {
    depends: ['i2c_algo_bit', 'dca'],
    softDepends: ['nowhere', 'hwmon'],
    aliases: ['pci:v00008086d00001521sv*', 'with a space'],
  },
  'kernel/drivers/net/ethernet/huge/huge.ko': {},
  'kernel/drivers/net/ethernet/bnx2.ko': { firmware: ['bnx2/a.fw'] },
  'kernel/drivers/net/ethernets/not-this.ko': {},
  'kernel/drivers/i2c/i2c-algo-bit.ko': { depends: ['i2c_core'] },
  'kernel/drivers/i2c/i2c-core.ko': { depends: ['built_in'] },
  'kernel/drivers/dca/dca.ko': { depends: ['i2c_core'] },
  'kernel/drivers/hwmon/hwmon.ko': {},
  'kernel/fs/ext4/ext4.ko': { depends: ['loop_a'], aliases: ['fs-ext4'] },
  'kernel/fs/loop-a.ko': { depends: ['loop_b'] },
  'kernel/fs/loop-b.ko': { depends: ['loop_a'] },
};

const CHOICE: ModuleChoice = {
  directories: ['drivers/net/ethernet'],
  excludedDirectories: ['drivers/net/ethernet/huge'],
  names: ['ext4', 'not_there'],
  namesNeedingFirmware: ['bnx2'],
};

async function choose(paths: readonly string[], firmware: readonly string[] = []) {
  const read = async (path: string): Promise<ModuleInfo> => {
    return {
      name: normaliseModuleName(path),
      depends: [],
      softDepends: [],
      aliases: [],
      firmware: [],
      ...KERNEL[path],
    };
  };
  return chooseModules(paths, CHOICE, read, (name) => firmware.includes(name));
}

describe('the modules of the environment', () => {
  const paths = Object.keys(KERNEL);

  test('are the chosen ones and all their dependencies, sorted by path', async () => {
    assert.deepEqual(
      (await choose(paths)).map(({ path }) => path),
      [
        'kernel/drivers/dca/dca.ko',
        'kernel/drivers/hwmon/hwmon.ko',
        'kernel/drivers/i2c/i2c-algo-bit.ko',
        'kernel/drivers/i2c/i2c-core.ko',
        'kernel/drivers/net/ethernet/intel/igb.ko',
        'kernel/fs/ext4/ext4.ko',
        'kernel/fs/loop-a.ko',
        'kernel/fs/loop-b.ko',
      ],
    );
  });

  test('include a driver that needs firmware when the firmware is there', async () => {
    const names = (await choose(paths, ['bnx2/a.fw'])).map(({ info }) => info.name);
    assert.ok(names.includes('bnx2'));
  });

  test('do not depend on the order in which the kernel lists them', async () => {
    const modules = await choose(paths);
    const reversed = await choose(paths.toReversed());
    assert.deepEqual(reversed, modules);
    assert.equal(renderDependencies(reversed), renderDependencies(modules));
  });

  test('are indexed with each dependency before its own: modprobe loads from the end', async () => {
    const lines = renderDependencies(await choose(paths))
      .trimEnd()
      .split('\n');
    const index = new Map(lines.map((line) => [line.split(':')[0], line.split(': ')[1]?.split(' ') ?? []]));
    assert.deepEqual(
      index.get('kernel/drivers/net/ethernet/intel/igb.ko')?.map((path) => normaliseModuleName(path)),
      ['dca', 'i2c_algo_bit', 'i2c_core'],
    );
    assert.deepEqual(index.get('kernel/drivers/i2c/i2c-core.ko'), []);
    assert.deepEqual(index.get('kernel/fs/loop-a.ko'), ['kernel/fs/loop-b.ko']);
    for (const [path, dependencies] of index) {
      for (const [at, dependency] of dependencies.entries()) {
        if (path?.includes('fs/')) continue;
        for (const below of index.get(dependency) ?? [])
          assert.ok(dependencies.indexOf(below) > at, `${path}: ${below}`);
      }
    }
  });

  test('are found by the aliases that modprobe can read', async () => {
    assert.equal(renderAliases(await choose(paths)), 'alias pci:v00008086d00001521sv* igb\nalias fs-ext4 ext4\n');
  });
});

// The BMC of an unknown machine is found without any command: a virtual machine with a KCS interface to a simulated BMC is
// enlisted, and an independent IPMI client commands the BMC with the parameters that the region received.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { cachedBootTree, type TreeContent } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { type BootCase, configText, GIB, specOf, tail, theMachine, within } from '../support/first-boot.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing, type Need } from '../support/needs.ts';
import { bmcDevices, startSimulatedBmc } from '../support/simulated-bmc.ts';

const NEEDS: readonly Need[] = [
  ...([
    'linux',
    'root',
    'ip',
    'qemu-system-x86_64',
    '/usr/share/OVMF/OVMF_CODE_4M.fd',
    'ipmi_sim',
    'ipmitool',
    'depmod',
  ] as const),
];
const BMC = { address: '10.77.0.5', mac: '52:54:00:bb:00:01', operator: { name: 'root', password: 'hunter2hunter2' } };
const machineWith = (bus: BmcCase['bus']): BootCase => ({
  name: 'a machine with a BMC',
  firmware: bus === 'pci' ? 'uefi' : 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 1024,
  cpus: 1,
  diskBytes: GIB,
  loaders: '{}',
  boots: 1,
});

const parametersShape = z.record(z.string(), z.string());

/** The machine's environment, its path to the BMC, and its number of boots. */
interface BmcCase {
  readonly content: TreeContent;
  /** ISA: a BIOS machine whose firmware names the BMC; PCI: a UEFI machine that finds it without that. */
  readonly bus: 'isa' | 'pci';
  /** A machine that is New reports itself again, and its BMC gets another password. */
  readonly boots: 1 | 2;
  /** Also a machine whose BMC is dead. */
  readonly dies?: boolean;
}

/** Tests that a machine's BMC is found and can be commanded with the parameters that the region received. */
function testFoundBmc(found: BmcCase): void {
  const skip = missing(...NEEDS, ...bootTreeNeeds(found.content));
  describe(`the BMC of an unknown machine (${found.content}, ${found.bus})`, { skip }, () => findBmc(found));
}

function findBmc({ content, bus, boots, dies = false }: BmcCase): void {
  let directory = '';
  let namespace: LabNamespace;
  let bmc: ChildProcess | undefined;
  let tree = '';

  const given = machineWith(bus);
  const further = bmcDevices(bus);
  const bootKeys = content.endsWith('-installer') ? ', enlist_with: installer' : '';

  before(async () => {
    tree = await cachedBootTree(() => undefined, content);
    directory = mkdtempSync(join(tmpdir(), 'rackboot-bmc-'));
    namespace = LabNamespace.create(`rb-bmc-${content}-${bus}-${process.pid}`, '10.77.0.1', 24);
    bmc = await startSimulatedBmc(namespace, { ...BMC, directory });
  });
  after(() => {
    bmc?.kill('SIGKILL');
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const ipmitool = (user: string, password: string, ...command: string[]): string => {
    const login = ['-I', 'lanplus', '-H', BMC.address, '-U', user, '-P', password, '-C', '3', '-L', 'ADMINISTRATOR'];
    const words = ['netns', 'exec', namespace.name, 'ipmitool', ...login, ...command];
    return execFileSync('ip', words, { encoding: 'utf8' });
  };

  test('is found with nothing typed, gets a user of ours, and obeys it', async () => {
    const stateDir = join(directory, 'state');
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(stateDir, tree, given, bootKeys));
    const lines: LogLine[] = [];
    const daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
    const machine = new VirtualMachine({ ...specOf(given, 0, directory), furtherArguments: further }, namespace);
    try {
      const passwords: string[] = [];
      for (let boot = 0; boot < boots; boot += 1) passwords.push(await enlist(machine, stateDir));
      assert.equal(new Set(passwords).size, boots);
      const { name, password: own } = BMC.operator;
      assert.match(ipmitool(name, own, 'mc', 'info'), /IPMI Version +: 2\.0/, 'the users from before are still there');

      const { system_id: systemId } = await theMachine(stateDir);
      const seen = [
        consoleOf(machine),
        JSON.stringify(lines),
        JSON.stringify(await everythingElse(stateDir, systemId)),
      ];
      for (const text of seen) {
        for (const password of passwords) assert.ok(!text.includes(password), 'the password is told nowhere else');
      }
    } finally {
      await machine.kill();
      await daemon.stop();
    }
  });

  if (dies) {
    test('costs a bounded time when it is dead, and the machine is enlisted without', async () => {
      bmc?.kill('SIGKILL');
      const stateDir = join(directory, 'state-dead');
      const config = join(directory, 'rackboot-dead.yaml');
      writeFileSync(config, configText(stateDir, tree, given, bootKeys));
      const daemon = await DaemonProcess.start({ config, namespace, onLine: () => undefined });
      const machine = new VirtualMachine({ ...specOf(given, 1, directory), furtherArguments: further }, namespace);
      try {
        assert.equal(await within(machine), 0, `it powered itself off\n${tail(machine)}`);
        assert.match(consoleOf(machine), /The BMC: |The BMC did not answer within 60 seconds/);
        const enlisted = z.object({ power_type: z.string() }).parse(await theMachine(stateDir));
        assert.equal(enlisted.power_type, '');
      } finally {
        await machine.kill();
        await daemon.stop();
      }
    });
  }

  /** Boots the machine, and returns the password that the region has for its BMC, which was tried. */
  async function enlist(machine: VirtualMachine, stateDir: string): Promise<string> {
    assert.equal(await within(machine), 0, `it powered itself off\n${tail(machine)}`);
    assert.match(consoleOf(machine), /The BMC is at 10\.77\.0\.5; the region gets the new password of its user maas/);
    const { system_id: systemId, power_type: powerType } = z
      .object({ system_id: z.string(), power_type: z.string() })
      .parse(await theMachine(stateDir));
    assert.equal(powerType, 'ipmi');
    const path = `/MAAS/api/2.0/machines/${systemId}/?op=power_parameters`;
    const { power_pass: password = '', ...parameters } = parametersShape.parse(await askDaemon(stateDir, path));
    assert.deepEqual(parameters, {
      power_address: BMC.address,
      power_boot_type: bus === 'pci' ? 'efi' : 'auto',
      power_driver: 'LAN_2_0',
      mac_address: BMC.mac,
      power_user: 'maas',
    });
    assert.match(password, /^[A-Za-z0-9]{15}$/);
    assert.match(ipmitool('maas', password, 'chassis', 'power', 'status'), /Chassis Power is/);
    assert.match(ipmitool('maas', password, 'user', 'list', '1'), /^3 +maas .*ADMINISTRATOR$/m);
    return password;
  }

  /** The region's answer without power parameters. */
  async function everythingElse(stateDir: string, systemId: string): Promise<unknown[]> {
    const paths = ['machines/', `machines/${systemId}/`, 'events/?op=query'];
    return Promise.all(paths.map((path) => askDaemon(stateDir, `/MAAS/api/2.0/${path}`)));
  }
}

testFoundBmc({ content: 'amd64', bus: 'isa', boots: 2, dies: true });
testFoundBmc({ content: 'amd64-installer', bus: 'isa', boots: 1 });
testFoundBmc({ content: 'amd64', bus: 'pci', boots: 1 });

// Runs the agent under the shells that machines have, on a simulated /sys and /proc.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parseHardwareFacts } from '../../../src/region/records/hardware-facts.ts';
import { missing } from '../../support/needs.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { SHELLS } from './shells.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const AGENT = join(ROOT, 'src/images/agent/agent.sh');

type Tree = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

/** A memory device of SMBIOS (DSP0134, type 17). */
function memoryDevice(size: number, extendedSize = 0): Uint8Array {
  const bytes = Buffer.alloc(44);
  bytes[0] = 17;
  bytes[1] = 40;
  bytes.writeUInt16LE(size, 0x0c);
  bytes.writeUInt32LE(extendedSize, 0x1c);
  return bytes;
}

const nic = (name: string, mac: string, driver: string, more: Tree = {}): Tree => ({
  [`sys/class/net/${name}/type`]: '1\n',
  [`sys/class/net/${name}/address`]: `${mac}\n`,
  [`sys/class/net/${name}/device/driver`]: { link: `../../../../drivers/${driver}` },
  [`sys/class/net/${name}/operstate`]: 'up\n',
  [`sys/class/net/${name}/carrier`]: '1\n',
  ...more,
});

const MACHINE: Tree = {
  'proc/cmdline':
    'quiet rackboot=old rackboot=enlist BOOTIF=01-52-54-00-AA-00-02 rackboot_url=http://192.0.2.1:5248/MAAS\n',
  'proc/cpuinfo':
    'processor\t: 0\nmodel name\t: Some "fast" CPU\\ @ 2GHz\nflags\t\t: fpu vme\n\nprocessor\t: 1\nmodel name\t: x\n',
  'proc/uptime': '12.34 20.00\n',
  'proc/meminfo': 'MemTotal:        1000000 kB\n',
  ...nic('eth0', '52:54:00:aa:00:01', 'e1000', {
    'sys/class/net/eth0/speed': '1000\n',
    'sys/class/net/eth0/device/subsystem': { link: '../../../bus/pci' },
    'sys/class/net/eth0/device/vendor': '0x8086\n',
    'sys/class/net/eth0/device/device': '0x100e\n',
  }),
  ...nic('eth1', '52:54:00:aa:00:02', 'vmxnet3', {
    'sys/class/net/eth1/operstate': 'unknown\n',
    'sys/class/net/eth1/speed': '-1\n',
  }),
  ...nic('usb0', '02:00:00:00:00:07', 'cdc_ether', { 'sys/class/net/usb0/carrier': '0\n' }),
  ...nic('wlan0', '52:54:00:aa:00:03', 'iwlwifi', { 'sys/class/net/wlan0/wireless/x': '' }),
  'sys/class/net/lo/type': '772\n',
  'sys/class/net/lo/address': '00:00:00:00:00:00\n',
  'sys/block/sda/size': '2000409264\n',
  'sys/block/sda/removable': '0\n',
  'sys/block/sda/queue/rotational': '1\n',
  'sys/block/sda/device/model': 'FAST DISK       \n',
  'sys/block/sda/device/vpd_pg80': Buffer.from('\0\x80\0\x08  SER123', 'latin1'),
  'sys/block/nvme0n1/size': '16\n',
  'sys/block/nvme0n1/queue/rotational': '0\n',
  'sys/block/nvme0n1/device/serial': 'NVME01  \n',
  'sys/block/nvme0n1/device/firmware_rev': 'F1\n',
  'sys/block/nvme0n1/queue/logical_block_size': '4096\n',
  'sys/block/vda/size': '8\n',
  'sys/block/vda/serial': 'DISK001',
  'sys/block/sdb/size': '99\n',
  'sys/block/sdb/removable': '1\n',
  'sys/block/sdc/size': '0\n',
  'sys/block/loop0/size': '5\n',
  'sys/class/dmi/id/sys_vendor': 'Maker & Söhne\n',
  'sys/class/dmi/id/product_name': `${'x'.repeat(200)}\n`,
  'sys/class/dmi/id/product_uuid': '11111111-2222-3333-4444-5555555555AA\n',
  'sys/class/dmi/id/product_serial': 'back\\slash "quote" \x01\x02\n',
  'sys/firmware/dmi/entries/17-0/raw': memoryDevice(4096),
  'sys/firmware/dmi/entries/17-1/raw': memoryDevice(0x7fff, 65_536),
  'sys/firmware/dmi/entries/17-2/raw': memoryDevice(0),
  'sys/firmware/dmi/entries/17-3/raw': memoryDevice(0xffff),
  'sys/firmware/dmi/entries/17-4/raw': memoryDevice(0x8000 | 2048),
};

describe('the agent', { skip: missing('busybox') }, () => {
  const scratch = scratchDirectory();
  let count = 0;

  function collect(shell: readonly string[], machine: Tree) {
    count += 1;
    const root = join(scratch, String(count));
    for (const [path, content] of Object.entries(machine)) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(file, content);
      else symlinkSync(content.link, file);
    }
    const environment = { RACKBOOT_SYS: join(root, 'sys'), RACKBOOT_PROC: join(root, 'proc'), RACKBOOT_TMP: root };
    const [program = '', ...args] = shell;
    const output = execFileSync(program, [...args, AGENT, 'facts'], {
      env: { PATH: process.env.PATH, ...environment },
    });
    return { text: output.toString('latin1'), facts: JSON.parse(output.toString('latin1')) };
  }

  for (const [name, shell] of SHELLS) {
    test(`reports every fact of a machine (${name})`, () => {
      const { facts } = collect(shell, MACHINE);
      const { dmi, kernel, nics, ...rest } = facts;
      assert.deepEqual(rest, {
        version: 1,
        purpose: 'enlist',
        boot_mac: '52:54:00:aa:00:02',
        cpu: { count: 2, model: 'Some "fast" CPU\\ @ 2GHz' },
        memory_mib: 4096 + 65_536 + 2,
        disks: [
          {
            name: 'nvme0n1',
            bytes: 8192,
            model: '',
            serial: 'NVME01',
            rotational: false,
            bus: 'nvme',
            firmware: 'F1',
            block_size: 4096,
          },
          {
            name: 'sda',
            bytes: 2000409264 * 512,
            model: 'FAST DISK',
            serial: 'SER123',
            rotational: true,
            bus: 'scsi',
            firmware: '',
            block_size: 512,
          },
          {
            name: 'vda',
            bytes: 4096,
            model: '',
            serial: 'DISK001',
            rotational: false,
            bus: 'virtio',
            firmware: '',
            block_size: 512,
          },
        ],
        virtualization: 'none',
        uefi: false,
        secure_boot: null,
        uptime: 12.34,
      });
      assert.equal(kernel, release());
      assert.deepEqual(nics, [
        {
          name: 'eth0',
          mac: '52:54:00:aa:00:01',
          driver: 'e1000',
          carrier: true,
          operstate: 'up',
          speed: 1000,
          bus: 'pci',
          ids: '8086:100e',
        },
        {
          name: 'eth1',
          mac: '52:54:00:aa:00:02',
          driver: 'vmxnet3',
          carrier: true,
          operstate: 'unknown',
          speed: null,
          bus: '',
          ids: '',
        },
        {
          name: 'usb0',
          mac: '02:00:00:00:00:07',
          driver: 'cdc_ether',
          carrier: false,
          operstate: 'up',
          speed: null,
          bus: '',
          ids: '',
        },
      ]);
      assert.equal(dmi.vendor, 'Maker & Shne', 'characters outside ASCII are left out');
      assert.equal(dmi.product, 'x'.repeat(128));
      assert.equal(dmi.uuid, '11111111-2222-3333-4444-5555555555aa');
      assert.equal(dmi.serial, 'back\\slash "quote"');
      assert.equal(dmi.chassis_asset_tag, '');
    });

    test(`reports facts that the region accepts, on one line of printable ASCII (${name})`, () => {
      const { text } = collect(shell, MACHINE);
      assert.match(text, /^[\x20-\x7e]+\n$/);
      const parsed = parseHardwareFacts(text);
      assert.equal(parsed.kind, 'value', JSON.stringify(parsed));
    });

    test(`reports the known facts of a machine that shows nothing (${name})`, () => {
      const { facts } = collect(shell, { 'proc/cmdline': '\n', 'proc/cpuinfo': '\n', 'sys/x': '' });
      assert.deepEqual(
        [facts.boot_mac, facts.nics, facts.cpu, facts.memory_mib, facts.disks, facts.uptime],
        ['', [], { count: 0, model: '' }, 0, [], 0],
      );
    });
  }

  const variable = 'sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const table = Buffer.from([127, 4, 0, 0, 0, 0]);
  const cases: readonly [string, Tree, (facts: Record<string, unknown>) => unknown, unknown][] = [
    [
      'reports that Secure Boot is on',
      { [variable]: Buffer.from([6, 0, 0, 0, 1]) },
      (facts) => [facts.uefi, facts.secure_boot],
      [true, true],
    ],
    [
      'reports that Secure Boot is off',
      { [variable]: Buffer.from([6, 0, 0, 0, 0]) },
      (facts) => facts.secure_boot,
      false,
    ],
    [
      'sends the firmware’s table when it is commissioned',
      { 'proc/cmdline': 'rackboot=commissioning\n', 'sys/firmware/dmi/tables/DMI': table },
      (facts) => facts.smbios,
      table.toString('base64'),
    ],
    [
      'does not send the table otherwise',
      { 'proc/cmdline': 'rackboot=enlist\n', 'sys/firmware/dmi/tables/DMI': table },
      (facts) => facts.smbios,
      undefined,
    ],
    [
      'takes memory from the kernel’s blocks where SMBIOS has none',
      {
        'sys/devices/system/memory/block_size_bytes': '8000000\n',
        'sys/devices/system/memory/memory0/state': 'online\n',
        'sys/devices/system/memory/memory1/state': 'online\n',
        'sys/devices/system/memory/memory2/state': 'offline\n',
      },
      (facts) => facts.memory_mib,
      256,
    ],
    [
      "uses the kernel's total memory where there is no other source",
      { 'proc/meminfo': 'MemTotal: 1048576 kB\n' },
      (facts) => facts.memory_mib,
      1024,
    ],
    [
      'takes a boot address with colons',
      { 'proc/cmdline': 'BOOTIF=01:AA:BB:CC:DD:EE:FF' },
      (facts) => facts.boot_mac,
      'aa:bb:cc:dd:ee:ff',
    ],
    ['knows QEMU', { 'sys/class/dmi/id/sys_vendor': 'QEMU\n' }, (facts) => facts.virtualization, 'qemu'],
    ['knows VMware', { 'sys/class/dmi/id/sys_vendor': 'VMware, Inc.\n' }, (facts) => facts.virtualization, 'vmware'],
    [
      'knows Hyper-V, and not the maker’s own laptops',
      { 'sys/class/dmi/id/sys_vendor': 'Microsoft Corporation\n', 'sys/class/dmi/id/product_name': 'Surface\n' },
      (facts) => facts.virtualization,
      'none',
    ],
    [
      'knows some hypervisor by the processor',
      { 'proc/cpuinfo': 'flags : fpu hypervisor lahf\n' },
      (facts) => facts.virtualization,
      'unknown',
    ],
    ['sees UEFI', { 'sys/firmware/efi/x': '' }, (facts) => facts.uefi, true],
    [
      'names an ARM processor by its numbers',
      { 'proc/cpuinfo': 'processor : 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd07\n' },
      (facts) => facts.cpu,
      { count: 1, model: 'implementer 0x41 part 0xd07' },
    ],
  ];
  for (const [name, machine, pick, expected] of cases) {
    test(name, () => {
      const bare: Tree = { 'proc/cmdline': '\n', 'proc/cpuinfo': '\n' };
      assert.deepEqual(pick(collect(['busybox', 'sh'], { ...bare, ...machine }).facts), expected);
    });
  }
});

// A BMC as a machine and its network see it: OpenIPMI's ipmi_sim, which answers a virtual machine's KCS interface by a socket and
// operators by IPMI over LAN.

import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src/ground/clock.ts';
import type { LabNamespace } from '../../src/lab/namespace.ts';

const VM_PORT = 7622;
const START_MS = 500;

/** The place of the BMC, and its initial users. */
export interface BmcSpec {
  /** Its address, which is added to the bridge of the namespace. */
  readonly address: string;
  readonly mac: string;
  /** A user of the operator's, in slot 2. */
  readonly operator: { readonly name: string; readonly password: string };
  readonly directory: string;
  /** A program that holds the machine's power; undefined: the machine alone does. */
  readonly chassis?: string | undefined;
}

/** QEMU's arguments for a machine with this BMC behind KCS, on the bus that the machine has. */
export const bmcDevices = (bus: 'isa' | 'pci'): readonly string[] => [
  '-chardev',
  `socket,id=bmc0,host=127.0.0.1,port=${VM_PORT},reconnect=1`,
  '-device',
  'ipmi-bmc-extern,id=bmc,chardev=bmc0',
  '-device',
  `${bus}-ipmi-kcs,bmc=bmc`,
];

/** Starts the BMC; kill the process to end it. */
export async function startSimulatedBmc(namespace: LabNamespace, spec: BmcSpec): Promise<ChildProcess> {
  const { directory, address, mac, operator, chassis } = spec;
  mkdirSync(join(directory, 'bmc-state'), { recursive: true });
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const values = [
    `ip_addr:${address}`,
    'ip_addr_src:static',
    `mac_addr:${mac}`,
    'subnet_mask:255.255.255.0',
    'default_gw_ip_addr:0.0.0.0',
    'default_gw_mac_addr:00:00:00:00:00:00',
    'backup_gw_ip_addr:0.0.0.0',
    'backup_gw_mac_addr:00:00:00:00:00:00',
  ];
  const cases = values.map((line) => `${line.split(':', 1)[0]}) echo ${line} ;;`).join(' ');
  const lan = file(
    'bmc-lan',
    `#!/bin/sh\n[ "$1" = get ] || exit 0\nshift\nfor name; do case $name in ${cases} *) exit 1 ;; esac; done\n`,
  );
  chmodSync(lan, 0o755);
  const levels = ['callback', 'user', 'operator', 'admin'].map((level) => `  allowed_auths_${level} md5`);
  const config = file(
    'bmc.conf',
    [
      'name "bmc"',
      'set_working_mc 0x20',
      'startlan 1',
      `  addr ${address} 623`,
      '  priv_limit admin',
      ...levels,
      '  guid a123456789abcdefa123456789abcdef',
      `  lan_config_program "${lan}"`,
      'endlan',
      ...(chassis === undefined ? [] : [`chassis_control "${chassis} 0x20"`]),
      `serial kcs 127.0.0.1 ${VM_PORT} codec VM`,
      'user 1 false "" "" user 10 md5',
      `user 2 true "${operator.name}" "${operator.password}" admin 10 md5`,
      '',
    ].join('\n'),
  );
  const commands = file(
    'bmc.emu',
    'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
  );
  namespace.ip('address', 'add', `${address}/32`, 'dev', 'br0');
  const args = ['-c', config, '-f', commands, '-s', join(directory, 'bmc-state'), '-n'];
  const child = namespace.spawn('ipmi_sim', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await sleep(START_MS);
  return child;
}

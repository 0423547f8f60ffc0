// A BMC on loopback without a machine: OpenIPMI's ipmi_sim, with its power state in a file.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src/ground/clock.ts';
import { endProgram } from './child.ts';

const START_MS_MAX = 5_000;

/** A user of the BMC, and its privileges. */
interface BmcUser {
  readonly name: string;
  readonly password: string;
  readonly level: 'user' | 'operator' | 'admin';
}

/** A free UDP port of loopback. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** A running BMC. */
export class LoopbackBmc {
  readonly port: number;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, port: number, child: ChildProcess) {
    this.#directory = directory;
    this.port = port;
    this.#child = child;
  }

  /** Starts one in its own directory. */
  static async start(directory: string, users: readonly BmcUser[]): Promise<LoopbackBmc> {
    const port = await freeUdpPort();
    mkdirSync(join(directory, 'state'), { recursive: true });
    const file = (name: string, text: string): string => {
      const path = join(directory, name);
      writeFileSync(path, text);
      return path;
    };
    const power = file('power', '0\n');
    const boot = file('boot', 'none\n');
    const chassis = file(
      'chassis',
      [
        '#!/bin/sh',
        '# ipmi_sim calls: chassis ADDRESS get NAME… | set NAME VALUE… | check NAME VALUE',
        `shift; act=$1; shift; echo "$act $*" >>'${join(directory, 'asked')}'`,
        'case $act in',
        `  get) for name; do case $name in power) echo "power:$(cat '${power}')" ;; boot) echo "boot:$(cat '${boot}')" ;; *) exit 1 ;; esac; done ;;`,
        `  set) while [ $# -gt 1 ]; do case $1 in power) echo "$2" >'${power}' ;; boot) echo "$2" >'${boot}' ;; shutdown) echo 0 >'${power}' ;; esac; shift 2; done ;;`,
        'esac',
        '',
      ].join('\n'),
    );
    chmodSync(chassis, 0o755);
    const levels = ['callback', 'user', 'operator', 'admin'].map((level) => `  allowed_auths_${level} md5`);
    const accounts = users.map(
      ({ name, password, level }, index) => `user ${index + 2} true "${name}" "${password}" ${level} 10 md5`,
    );
    const config = file(
      'bmc.conf',
      [
        'name "bmc"',
        'set_working_mc 0x20',
        'startlan 1',
        `  addr 127.0.0.1 ${port}`,
        '  priv_limit admin',
        ...levels,
        '  guid a123456789abcdefa123456789abcdef',
        'endlan',
        `chassis_control "${chassis} 0x20"`,
        'user 1 false "" "" user 10 md5',
        ...accounts,
        '',
      ].join('\n'),
    );
    const commands = file(
      'bmc.emu',
      'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
    );
    const args = ['-c', config, '-f', commands, '-s', join(directory, 'state'), '-n'];
    const child = spawn('ipmi_sim', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const bmc = new LoopbackBmc(directory, port, child);
    for (let waited = 0; waited < START_MS_MAX && !(await bmc.#answers()); waited += 100) await sleep(50);
    return bmc;
  }

  /** The machine's power state and next boot device, as stored by the BMC. */
  get power(): 'on' | 'off' {
    return readFileSync(join(this.#directory, 'power'), 'utf8').trim() === '1' ? 'on' : 'off';
  }

  get boot(): string {
    return readFileSync(join(this.#directory, 'boot'), 'utf8').trim();
  }

  /** The settings made so far: `power 1`, `boot pxe` … */
  get changes(): readonly string[] {
    const path = join(this.#directory, 'asked');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    return lines.filter((line) => line.startsWith('set ')).map((line) => line.slice(4));
  }

  async stop(): Promise<void> {
    await endProgram(this.#child, 'SIGKILL');
  }

  /** Waits for the answer to an RMCP ping (IPMI v2.0 §13.2.3). */
  async #answers(): Promise<boolean> {
    const socket = createSocket('udp4');
    try {
      const answer = new Promise<boolean>((resolve) => {
        socket.once('message', () => resolve(true));
        socket.once('error', () => resolve(false));
        void sleep(100).then(() => resolve(false));
      });
      socket.send(
        Buffer.from('06 00 ff 06 00 00 11 be 80 01 00 00'.replaceAll(' ', ''), 'hex'),
        this.port,
        '127.0.0.1',
      );
      return await answer;
    } finally {
      socket.close();
    }
  }
}

/** A relay to a BMC that forwards the first datagrams and drops the rest. @returns its port, and a function that ends it */
export async function startSwallowingRelay(
  bmcPort: number,
  passed: number,
): Promise<{ readonly port: number; readonly stop: () => void }> {
  const front = createSocket('udp4');
  const back = createSocket('udp4');
  let count = 0;
  let peer: { readonly port: number; readonly address: string } | undefined;
  front.on('message', (datagram, from) => {
    peer = from;
    count += 1;
    if (count <= passed) back.send(datagram, bmcPort, '127.0.0.1');
  });
  back.on('message', (datagram) => {
    if (peer !== undefined) front.send(datagram, peer.port, peer.address);
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    port: front.address().port,
    stop: () => {
      front.close();
      back.close();
    },
  };
}

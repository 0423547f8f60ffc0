// `npm start -- --vm`: a virtual machine with real firmware in a private network, run as root. Only
// the page is outside it, on this host's loopback. Ctrl-C removes everything but the built
// environment.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { REGION_PORT } from '../config/region-place.ts';
import { findOwnProgram } from '../control/own-program.ts';
import { makeTemporaryDirectory } from '../files/temporary-directory.ts';
import { sleep, systemClock } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { RACK_SOCKET } from '../region/config.ts';
import { BOOT_TREES, cachedBootTree, hasBootTree } from './boot-tree.ts';
import { DaemonProcess, type LogLine } from './daemon-process.ts';
import { Enlistment } from './enlistment.ts';
import { reportEvents } from './lab-events.ts';
import { LAB_DIRECTORY, LAB_USER, makeAccount } from './lab-files.ts';
import { checkPort } from './lab-ports.ts';
import { rackWords, virtualRemovedWords, virtualSteps } from './lab-words.ts';
import { BRIDGE, LAB_NAMESPACE, LabNamespace } from './namespace.ts';
import type { Narrator } from './narrator.ts';
import { VirtualMachine, VM_PACKAGES } from './virtual-machine.ts';

// Serves the page on this host's loopback. The rack in the private network answers: connections go
// to the socket of its boot listener, which gives them no rights (`region/config.ts`), so users
// sign in.

/** Serves the page of the region that uses `stateDir`. */
export function startVirtualPage(stateDir: string, port: number): Promise<Server> {
  const server = createServer((browser) => {
    // If one end breaks, the other one is closed, too.
    pipeline(browser, createConnection(join(stateDir, RACK_SOCKET)), browser, () => undefined);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const RACK_ADDRESS = '10.77.0.1';
const PROGRAMS: readonly string[] = ['qemu-system-x86_64', 'ip', 'dpkg-deb', 'apt-get', 'setpriv'];
const PINO_ERROR = 50;
/** How long after the build has failed this process may notice a Ctrl-C, in milliseconds. */
const INTERRUPT_MS_MAX = 500;
const MAC = '52:54:00:77:00:01';

/** @throws RackError with one apt-get command */
function checkHost(): void {
  if (process.getuid?.() !== 0)
    throw new RackError('permission-denied', 'only root can create a private network: sudo npm start -- --vm');
  const directories = (process.env.PATH ?? '').split(':');
  const absent = PROGRAMS.filter((program) => !directories.some((directory) => existsSync(join(directory, program))));
  if (absent.length > 0 || !existsSync('/usr/lib/ipxe/qemu/pxe-virtio.rom')) {
    throw new RackError(
      'tool-missing',
      `the virtual lab needs ${absent.join(', ') || 'iPXE for QEMU'}: sudo apt-get install --no-install-recommends ${VM_PACKAGES.join(' ')}`,
    );
  }
}

function virtualLabConfig(stateDir: string, tree: string): string {
  return [
    'name: lab',
    `state_dir: ${JSON.stringify(stateDir)}`,
    'cluster_interfaces:',
    '  - name: lab',
    `    interface: ${BRIDGE}`,
    `    ip: ${RACK_ADDRESS}`,
    '    network: 10.77.0.0/24',
    '    ip_range_low: 10.77.0.100',
    '    ip_range_high: 10.77.0.199',
    '    static_ip_range_low: 10.77.0.10',
    '    static_ip_range_high: 10.77.0.99',
    `boot: { tree: ${JSON.stringify(tree)}, kernel_params: "console=ttyS0,115200" }`,
    '',
  ].join('\n');
}

const HARDWARE = {
  name: 'machine',
  firmware: 'bios',
  nic: 'virtio-net-pci',
  mac: MAC,
  memoryMib: 512,
  cpus: 2,
  diskBytes: 8 * 1024 ** 3,
  diskSerial: 'LAB0001',
  uuid: '77777777-0000-4000-8000-000000000001',
  serial: 'LAB-0001',
} as const;

/**
 * Opens the boot tree, which is built if it is missing; undefined if `stopped` settles first.
 * @throws RackError if the build fails
 */
async function openBootTree(narrator: Narrator, stopped: Promise<void>): Promise<string | undefined> {
  const build = cachedBootTree((text) => narrator.tell('lab', text));
  const interrupted = stopped.then(() => undefined);
  try {
    return await Promise.race([build, interrupted]);
  } catch (error) {
    const isFault = sleep(INTERRUPT_MS_MAX).then(() => true);
    if (await Promise.race([isFault, interrupted])) throw error;
    return undefined;
  }
}

/**
 * Runs the lab until `stopped` settles.
 * @returns undefined if `stopped` settled before the machine ended. A build of the environment may
 * then run on until this process ends
 */
export async function runVirtualLab(
  narrator: Narrator,
  stopped: Promise<void>,
): Promise<{ readonly kind: 'enlisted' | 'failed' } | undefined> {
  checkHost();
  await checkPort('127.0.0.1', REGION_PORT);
  const stop = new AbortController();
  const directory = makeTemporaryDirectory(LAB_DIRECTORY);
  const namespace = LabNamespace.create(`${LAB_NAMESPACE}${process.pid}`, RACK_ADDRESS, 24);
  let daemon: DaemonProcess | undefined;
  let machine: VirtualMachine | undefined;
  let page: Server | undefined;
  try {
    narrator.tell(
      'lab',
      `A real virtual machine in a private network.${hasBootTree() ? '' : ' Its boot environment is built once, which takes some minutes.'}`,
    );
    const tree = await openBootTree(narrator, stopped);
    if (tree === undefined) return undefined;
    const config = join(directory, 'rackboot.yaml');
    const stateDir = join(directory, 'state');
    writeFileSync(config, virtualLabConfig(stateDir, tree));
    const password = await makeAccount(stateDir);
    const pageUrl = `http://127.0.0.1:${REGION_PORT}/MAAS/`;
    const onLine = (line: LogLine): void => {
      const words = rackWords(line);
      if (words !== undefined) narrator.tell('rack', words);
      else if (line.level >= PINO_ERROR) narrator.tell('problem', line.msg);
    };
    daemon = await DaemonProcess.start({ config, namespace, onLine });
    let machineName = MAC;
    const enlistment = new Enlistment();
    void reportEvents(stateDir, narrator, stop.signal, (hostname, words) => {
      machineName = hostname.split('.')[0] ?? MAC;
      enlistment.observeLine(words);
    });
    page = await startVirtualPage(stateDir, REGION_PORT);
    narrator.tell('lab', `The page: ${pageUrl}: sign in as ${LAB_USER} with the password ${password}`);
    machine = new VirtualMachine({ ...HARDWARE, directory }, namespace);
    narrator.tell('machine', `virtual machine ${MAC} powers on with a blank disk, and boots from the network first`);
    const exitCode = await Promise.race([machine.start(), stopped]);
    if (exitCode === undefined) return undefined;
    if (exitCode === 0) await Promise.race([enlistment.whenReported(systemClock, stop.signal), stopped]);
    narrator.tell(
      'lab',
      exitCode === 0
        ? 'The machine reported itself and powered off.'
        : `The machine ended with code ${exitCode}: sudo less ${machine.consolePath}`,
    );
    if (exitCode === 0)
      narrator.show(
        virtualSteps({
          pageUrl,
          user: LAB_USER,
          password,
          program: findOwnProgram(),
          configFile: config,
          machine: machineName,
          console: machine.consolePath,
        }),
      );
    await stopped;
    return { kind: exitCode === 0 ? 'enlisted' : 'failed' };
  } finally {
    stop.abort();
    await machine?.kill();
    await daemon?.stop();
    page?.close();
    namespace.remove();
    rmSync(directory, { recursive: true, force: true });
    const parts = [...(daemon === undefined ? [] : ['its rack']), ...(machine === undefined ? [] : ['its machine'])];
    const keptDirectory = hasBootTree() ? BOOT_TREES : undefined;
    narrator.tell('lab', virtualRemovedWords([...parts, 'its network', directory], keptDirectory));
  }
}

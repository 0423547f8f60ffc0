// What firmware shows when a boot fails is what docs/operator.md has in a row of its card, and the rack notices what that row says. Firmware, screen
// and rack are real; the boot tree lacks what each case takes away.
// @host computes, 240 s

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { type Firmware, VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { readDocument } from '../documents/markdown.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { type BootCase, configText, specOf } from '../support/first-boot.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing } from '../support/needs.ts';

const IPXE = '/usr/lib/ipxe/undionly.kpxe';
const SKIP = missing('linux', 'root', 'ip', 'qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd', IPXE);
const SCREEN_MS_MAX = 75_000;

interface ScreenCase {
  readonly name: string;
  readonly firmware: Firmware;
  /** boot.loaders of the rack; undefined: no rack runs. */
  readonly loaders: string | undefined;
  /** On the screen, and in the first column of the card. */
  readonly shown: string;
  /** The kind of an event that the rack has then; undefined: none is demanded. */
  readonly noticed: string | undefined;
}

const CASES: readonly ScreenCase[] = [
  { name: 'nobody answers iPXE', firmware: 'bios', loaders: undefined, shown: '040ee119', noticed: undefined },
  { name: 'nobody answers UEFI', firmware: 'uefi', loaders: undefined, shown: 'PXE-E18', noticed: undefined },
  {
    name: 'iPXE is given a URL of a file that is not there',
    firmware: 'bios',
    loaders: '{ ipxe: absent.kpxe }',
    shown: '2d0c613b',
    noticed: 'http.missing',
  },
  {
    name: 'UEFI is given a file that is not there',
    firmware: 'uefi',
    loaders: '{ 7: absent.efi }',
    shown: 'PXE-E23',
    noticed: 'tftp.missing',
  },
  {
    name: 'UEFI is given a URL of a file that is not there',
    firmware: 'uefi-http',
    loaders: '{ 16: absent.efi }',
    shown: 'Could not retrieve NBP file size from HTTP server',
    noticed: 'http.missing',
  },
  {
    name: 'Secure Boot is given a program that nobody has signed',
    firmware: 'uefi-secure',
    loaders: '{ 7: unsigned.efi }',
    shown: 'Access Denied',
    noticed: 'tftp.sent',
  },
];

/** The first columns of the card's rows. */
const symptoms = readDocument('docs/operator.md')
  .split('\n')
  .flatMap((line) => /^\| (.*?) \| `sudo /.exec(line)?.[1] ?? []);

const traceShape = z.looseObject({ steps: z.array(z.looseObject({ kind: z.string() })) });

/** A screen without its control sequences and line ends, which cut words. */
const screenOf = (machine: VirtualMachine): string => consoleOf(machine).replace(/\x1b\[[\d;=?]*[A-Za-z]|[\r\n]/g, '');

describe('the screen of a machine whose boot fails', { skip: SKIP }, () => {
  let directory = '';
  let namespace: LabNamespace | undefined;
  let machine: VirtualMachine | undefined;
  let daemon: DaemonProcess | undefined;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-screen-'));
    const tree = join(directory, 'boot');
    mkdirSync(tree);
    // Any program of EFI without a signature.
    copyFileSync('/usr/lib/ipxe/ipxe.efi', join(tree, 'unsigned.efi'));
    namespace = LabNamespace.create(`rb-screen-${process.pid}`, '10.77.0.1', 24);
  });
  afterEach(async () => {
    await machine?.kill();
    await daemon?.stop();
    daemon = undefined;
  });
  after(() => {
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [index, { name, firmware, loaders, shown, noticed }] of CASES.entries())
    test(`${name}: the screen says ${shown}, and the card has it`, async () => {
      const place = namespace ?? assert.fail();
      const boot: BootCase = {
        name,
        firmware,
        nic: 'virtio-net-pci',
        memoryMib: 512,
        cpus: 1,
        diskBytes: 1024 ** 2,
        loaders: loaders ?? '',
        boots: 1,
      };
      const stateDir = join(directory, `state-${index}`);
      if (loaders !== undefined) {
        const config = join(directory, `rackboot-${index}.yaml`);
        writeFileSync(config, configText(stateDir, join(directory, 'boot'), boot));
        daemon = await DaemonProcess.start({ config, namespace: place, onLine: () => undefined });
      }
      const spec = specOf(boot, index, directory);
      const started = new VirtualMachine(spec, place);
      machine = started;
      void started.start();
      await eventuallyWithin(SCREEN_MS_MAX, `${shown} on the screen`, () => screenOf(started).includes(shown)).catch(
        (error: unknown) => {
          throw new Error(screenOf(started).slice(-1500), { cause: error });
        },
      );
      assert.ok(
        symptoms.some((symptom) => symptom.includes(shown)),
        'in a row of docs/operator.md',
      );
      if (noticed === undefined) return;
      const { steps } = traceShape.parse(await askDaemon(stateDir, `/trace?machine=${spec.mac}`));
      const kinds = steps.map(({ kind }) => kind);
      assert.ok(kinds.includes(noticed), `${noticed} is in ${kinds.join(' ')}`);
    });
});

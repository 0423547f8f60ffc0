// Faults of an operator's script, or of the hardware that a machine reports.

import { counted } from '../../../counted.ts';
import type { JsonFault } from '../../records/text-json.ts';
import { jsonFaultText } from './json.ts';
import type { RefusalTable } from './table.ts';

/** Unsupported metadata that would change a script's run, with the alternative. */
const UNSUPPORTED = {
  packages: 'no packages are installed for a script: it can use only busybox',
  parameters: 'a script takes no parameters: write the values into it',
  may_reboot: 'a script may not restart its machine',
  for_hardware: 'choose the machines when you start the run',
  recommission: 'a script does not repeat the commissioning: commission the machine again',
  apply_configured_networking: "a script uses the boot's network",
} as const;

/** By code. */
export const SCRIPTS = {
  'field.script-unsupported': ({ key }: { readonly key: keyof typeof UNSUPPORTED }) => `${key}: ${UNSUPPORTED[key]}.`,
  'field.script-empty': 'The script is empty.',
  'field.script-long': ({ bytes, max }: { readonly bytes: number; readonly max: number }) =>
    `The script has ${counted(bytes, 'byte')}; the maximum is ${max}.`,
  'field.script-binary': 'This is not UTF-8 text: give a script, not a binary program.',
  'field.script-interpreter':
    'The first line must name an interpreter: #!/bin/sh. Machines have only sh and awk, from busybox.',
  'field.script-interpreter-absent': ({ interpreter }: { readonly interpreter: string }) =>
    `Machines have no ${interpreter}: write the script for sh or awk of busybox, with #!/bin/sh as its first line.`,
  'field.script-name':
    'Give a name of at most 64 letters, digits, dots, dashes and underscores that begins with a letter or digit.',
  'field.script-name-reserved': ({ name }: { readonly name: string }) =>
    `Rackboot reserves the name ${name}: choose another.`,
  'field.script-name-digits': 'A name cannot be digits only.',
  'field.script-time-limit': ({ max }: { readonly max: number }) =>
    `Give seconds up to ${max}, or hours, minutes and seconds as 01:30:00.`,
  'field.script-hardware': 'Give node, cpu, memory, storage, network or gpu, or a number from 0 to 5.',
  'field.script-parallel': 'Give disabled, instance or any, or a number from 0 to 2.',
  'field.script-recommission':
    'A script does not repeat the commissioning: give false, and commission the machine again.',
  'field.script-for-hardware':
    'A script does not choose its machines: omit for_hardware, and choose them when you start the run.',
  'field.script-networking': 'A script uses the network of the boot: give false.',
  'field.script-tag': ({ tag }: { readonly tag: string }) =>
    `${tag || 'An empty text'} cannot be a tag: give at most 64 letters, digits, dots, dashes and underscores, and not the word none.`,
  'field.script-tags-limit': ({ max }: { readonly max: number }) => `A script has at most ${max} tags.`,
  'field.script-comment': 'A script has no history: omit comment, or write it into the description.',
  'field.facts-json': ({ fault }: { readonly fault: JsonFault }) => `hardware_facts ${jsonFaultText(fault)}`,
  'field.not-a-hardware-address': 'is not a hardware address',
  'field.facts-version': ({ environment, region }: { readonly environment: number; readonly region: number }) =>
    `version: the boot environment speaks version ${environment}, this region version ${region}: ` +
    (environment > region
      ? "upgrade the region, or rebuild the environment with the region's `rackboot images build`"
      : 'rebuild the environment with `rackboot images build`'),
} as const satisfies RefusalTable;

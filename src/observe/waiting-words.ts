// The sentence of what the rack expects next of a machine: the last line of the answer of `rackboot trace`.

import { formatSpan } from '../ground/quantity.ts';
import type { ExpectedStep, PlainStep, Waiting } from './waiting.ts';

const CHECK_SCREEN = 'check its screen';

/** A step as a text, and the possible meaning of a long silence; `undefined` if the silence means nothing. */
type StepWords = readonly [step: string, silence?: string];

const PLAIN_TEXTS: Readonly<Record<PlainStep, StepWords>> = {
  'first-message': ['its first message: it has not been seen since the rack started'],
  reported: ['nothing more from this rack: it has reported to the region'],
  'address-elsewhere': [
    'it to get an address from the other DHCP server',
    'it was powered off, or no other DHCP server answers on this network, which is in proxy mode',
  ],
  'take-offer': [
    'it to take the offer',
    'it was powered off, did not receive the offer, or took that of another DHCP server',
  ],
  'own-system': ['whatever its system does next'],
  'not-booting': ['nothing: it is not booting from the network'],
  'no-boot-file': ['nothing: it got no boot file'],
  'ask-again': ['it to ask again'],
  'next-boot': ['its next boot'],
  'next-step': ['its next step'],
  'loader-again': ['its loader to identify itself and ask again', CHECK_SCREEN],
  'own-disk': ['nothing: it boots its own disk'],
  deployed: ['nothing from this rack: it is Deployed'],
  'power-off': ['nothing: it powers off'],
  configuration: ['its loader to ask for a configuration', CHECK_SCREEN],
  kernel: ['it to load its kernel', `${CHECK_SCREEN}: it did not request the kernel`],
  remedy: ['a remedy: it shows the reason on its screen, restarts and asks again'],
  initrd: ['it to load its initrd', CHECK_SCREEN],
  'kernel-start': [
    'its kernel to start, ask for an address and report',
    'check its console: a kernel without a driver for this network card is silent on the network',
  ],
};

/** Describes the expected next step and, after a long silence, the possible meaning of the silence. */
export function describeWaiting({ expected, quietMs, isLong, hasLeaseEnded }: Waiting): string {
  const [step, silence] = describeStep(expected);
  if (quietMs === undefined) return step;
  const sentence = `${step}; last seen ${formatSpan(quietMs)} ago${hasLeaseEnded ? ', and its lease has ended' : ''}`;
  return isLong && silence !== undefined ? `${sentence}: ${silence}` : sentence;
}

function describeStep(expected: ExpectedStep): StepWords {
  switch (expected.code) {
    case 'work':
      return [`its work to go on: it is ${expected.statusName}`, CHECK_SCREEN];
    case 'work-over':
      return [`nothing: it is ${expected.statusName}, and its work is over; if it is still on, switch it off`];
    case 'report-again':
      return [`it to report again: the region refused its report with ${expected.status}`];
    case 'stalled-file':
      return [`it to continue loading ${expected.file ?? 'its file'}, which has stalled`, CHECK_SCREEN];
    case 'file-again':
      return [`it to request ${expected.file ?? 'its file'} again, or to restart`, CHECK_SCREEN];
    case 'boot-file':
      return [`it to load ${expected.file ?? 'its boot file'}`, `${CHECK_SCREEN}: it did not request the file`];
    default:
      return PLAIN_TEXTS[expected.code];
  }
}

// The step of a machine that boots a profile.

import { unreachable } from '../errors.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import { parseKernelParams } from './kernel-line.ts';
import { isUrl } from './paths.ts';
import { fillTemplate, type Profile, type ProfileValues } from './profile.ts';
import type { BootStep, Decision, StepContext, StepQuery } from './step.ts';

export function decideProfile(profile: Profile, query: StepQuery, context: StepContext): Decision {
  const { name, title } = profile;
  const who = query.machine?.hostname ?? 'unknown machine';
  const stop = (purpose: string, lines: readonly string[]): Decision => ({
    step: { kind: 'explain', lines },
    purpose,
    title: `${who}: ${title}: ${purpose}`,
  });
  const missing = filesOf(profile).find((file) => !isUrl(file) && !context.hasFile(file));
  if (missing !== undefined)
    return stop('profile-file-missing', [`the profile ${name} needs ${missing}.`, 'Put it into the boot tree.']);
  const text = profile.kind === 'kernel' ? profile.arguments : profile.kind === 'ipxe' ? profile.script : '';
  const filled = fillTemplate(text, valuesOf(query));
  if (!filled.ok)
    return stop('profile-value-missing', [
      `the profile ${name} needs {${filled.missing}}, which this machine lacks.`,
      'Correct the profile, or let the machine enlist first.',
    ]);
  const step = stepOf(profile, filled.text);
  if (step === undefined)
    return stop('arguments-not-quotable', [`the arguments of the profile ${name} cannot be used.`, 'Correct them.']);
  return { step, purpose: `profile:${name}`, title: `${who}: ${title}` };
}

function filesOf(profile: Profile): readonly string[] {
  if (profile.kind === 'ipxe') return [];
  return profile.kind === 'kernel' ? [profile.file, ...profile.initrds.map(({ file }) => file)] : [profile.file];
}

function valuesOf({ machine, mac, address, baseUrl }: StepQuery): ProfileValues {
  return {
    hostname: machine?.hostname,
    domain: machine?.domain,
    system_id: machine?.systemId,
    mac: mac === undefined ? undefined : formatMac(mac),
    uuid: machine?.uuid,
    address: address === undefined ? undefined : formatIpv4(address),
    base_url: baseUrl,
  };
}

/** `undefined` if the arguments are none. */
function stepOf(profile: Profile, text: string): BootStep | undefined {
  switch (profile.kind) {
    case 'kernel': {
      const params = parseKernelParams(text);
      const { file: kernel, initrds } = profile;
      return params.ok ? { kind: 'kernel', kernel, initrds, words: params.words } : undefined;
    }
    case 'ipxe':
      return { kind: 'script', lines: scriptLines(text) };
    case 'iso':
    case 'disk':
    case 'efi':
      return { kind: 'image', form: profile.kind, file: profile.file };
    default:
      return unreachable(profile);
  }
}

/** Without the first line that every script begins with. */
const scriptLines = (script: string): readonly string[] =>
  script
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '#!ipxe');

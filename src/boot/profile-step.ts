// The step of a machine that boots a profile.

import { formatIpv4, formatMac } from '../ground/address.ts';
import { unreachable } from '../ground/errors.ts';
import type { HasFile } from './images.ts';
import { parseKernelParams } from './kernel-line.ts';
import { isUrl } from './paths.ts';
import { fillTemplate, type Profile, type ProfileValues, parseProfileInitrd, profileTitle } from './profile.ts';
import type { BootStep, Decision, StepContext, StepQuery } from './step.ts';

export function decideProfile(profile: Profile, query: StepQuery, context: StepContext): Decision {
  const { name } = profile;
  const title = profileTitle(profile);
  const who = query.machine?.hostname ?? 'unknown machine';
  const stop = (purpose: string, lines: readonly string[]): Decision => ({
    step: { kind: 'explain', lines },
    purpose,
    title: `${who}: ${title}: ${purpose}`,
  });
  const missing = findMissingFile(profile, context.hasFile);
  if (missing !== undefined)
    return stop('profile-file-missing', [`the profile ${name} needs ${missing}.`, 'Put it into the boot tree.']);
  const filled = fillTemplate(
    profile.kind === 'ipxe' ? profile.script : profile.arguments,
    collectProfileValues(query),
  );
  if (!filled.ok)
    return stop('profile-value-missing', [
      `the profile ${name} needs {${filled.missing}}, which this machine lacks.`,
      'Correct the profile, or let the machine enlist first.',
    ]);
  const step = composeStep(profile, filled.text);
  if (step === undefined)
    return stop('arguments-not-quotable', [`the arguments of the profile ${name} cannot be used.`, 'Correct them.']);
  return { step, purpose: `profile:${name}`, title: `${who}: ${title}` };
}

const listInitrds = ({ initrds }: Profile) => initrds.flatMap((text) => parseProfileInitrd(text) ?? []);

const listProfileFiles = (profile: Profile): readonly string[] =>
  profile.kind === 'ipxe' ? [] : [profile.file, ...listInitrds(profile).map(({ file }) => file)];

/** The first of its files that the tree lacks; `undefined`: none. URLs are not checked. */
export const findMissingFile = (profile: Profile, hasFile: HasFile): string | undefined =>
  listProfileFiles(profile).find((file) => !isUrl(file) && !hasFile(file));

function collectProfileValues({ machine, mac, address, baseUrl }: StepQuery): ProfileValues {
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
function composeStep(profile: Profile, text: string): BootStep | undefined {
  const { kind, file } = profile;
  switch (kind) {
    case 'kernel': {
      const params = parseKernelParams(text);
      return params.ok ? { kind, kernel: file, initrds: listInitrds(profile), words: params.words } : undefined;
    }
    case 'ipxe':
      return { kind: 'script', lines: scriptLines(text) };
    case 'iso':
    case 'disk':
    case 'efi':
      return { kind: 'image', form: kind, file };
    default:
      return unreachable(kind);
  }
}

/** The lines of a script, without the first line that every script begins with. */
const scriptLines = (script: string): readonly string[] =>
  script
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '#!ipxe');

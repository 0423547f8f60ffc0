// `rackboot preseed list`, `show` and `render`: the preseed templates, and the file rendered from
// one for a machine.
//
// 1. Placeholders replace the keys of a machine, and standard error says so. Standard output holds
//    only the file.

import { z } from 'zod';
import { findEndpointFor, formatBaseUrl } from '../../boot/endpoint.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { TextDirectory } from '../../files/text-directory.ts';
import { LOOPBACK, networkContains, parseIpv4 } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import { type Purpose, STAND_IN } from '../../region/preseed/request.ts';
import { SHIPPED_DIRECTORY, TemplateSource } from '../../region/preseed/template-source.ts';
import { mistakeText } from '../../region/records/preseed-mistake.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { findConfig, leftOutNote, loadServed } from '../terminal/config-in-force.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printDocument, printError, printJson, printTable } from '../terminal/output.ts';
import type { MachineShape } from '../terminal/shapes.ts';
import { findMachine } from './identity.ts';

const installShape = z.looseObject({ osystem: z.string(), distro_series: z.string() });

const resultShape = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    text: z.string(),
    language: z.string(),
    name: z.string(),
    chain: z.array(z.string()),
  }),
  z.object({ ok: z.literal(false), file: z.string(), line: z.number(), reason: z.string() }),
]);
const renderedShape = z.intersection(resultShape, z.object({ names: z.array(z.string()) })).transform((raw) => {
  const { names, ...result } = raw;
  return { names, result };
});

interface RenderFlags {
  readonly config: string;
  readonly machine: string;
  readonly purpose: Purpose;
  readonly os?: string | undefined;
  readonly release?: string | undefined;
  /** A template to use instead of the usual one. */
  readonly file?: string | undefined;
  /** `name=value`. */
  readonly set: readonly string[];
  /** True to print only the names tried. */
  readonly names: boolean;
  readonly json: boolean;
}

const openTemplates = ({ preseeds }: RackConfig): TemplateSource =>
  new TemplateSource(new TextDirectory(preseeds.directory), new TextDirectory(SHIPPED_DIRECTORY));

export async function listPreseeds(where: Where): Promise<number> {
  const { config } = await loadServed(where.config);
  const templates = openTemplates(config).list();
  const leftOut = leftOutNote(config.stateDir);
  const { directory } = config.preseeds;
  return printAnswer(where, { directory, templates, notes: leftOut === undefined ? [] : [leftOut] }, () => {
    const rows = templates.map(({ name, origin, isReplaced }) => [name, isReplaced ? 'shipped, replaced' : origin]);
    printTable(['NAME', 'ORIGIN'], rows, 'There are no templates.');
    print(`\nYour own templates are in ${directory}.`);
    if (leftOut !== undefined) printError(`Note: ${leftOut}`);
  });
}

/**
 * Prints a template unchanged. @throws RackError `not-found`, `bad-argument` if it cannot be read
 */
export async function showPreseed(where: Where & { readonly name: string }): Promise<number> {
  const { name } = where;
  const { config } = await loadServed(where.config);
  const leftOut = leftOutNote(config.stateDir);
  if (leftOut !== undefined) printError(`Note: ${leftOut}`);
  const template = openTemplates(config).find(name);
  if (template === undefined)
    throw new RackError('not-found', `no template is called ${name}; \`rackboot preseed list\` shows all`);
  if (!template.ok) throw new RackError('bad-argument', `${template.path}: ${mistakeText(template.fault)}`);
  printDocument(template.text);
  return 0;
}

/**
 * Prints a preseed as the region would render it for the machine.
 *
 * @returns 1 if the template has an error
 * @throws RackError `not-found`, `not-running`, `bad-argument`
 */
export async function renderForMachine(flags: RenderFlags): Promise<number> {
  const machine = await findMachine(flags, flags.machine);
  const { config } = await findConfig(flags.config);
  const { osystem, distro_series: release } = installShape.parse(machine);
  const raw = await askRegion(flags, `/MAAS/rackboot/1/preseeds/${machine.system_id}/`, 'POST', {
    purpose: flags.purpose,
    osystem: flags.os ?? (osystem === '' ? 'debian' : osystem),
    release: flags.release ?? (release === '' ? config.boot.commissioningRelease : release),
    origin: baseUrl(machine, config),
    file: flags.file,
    template: flags.file === undefined ? undefined : readGivenFile(flags.file).toString('utf8'),
    set: flags.set.map(String),
  });
  const { names, result } = renderedShape.parse(raw);
  if (!flags.names) return printPreseed(result, flags.json);
  return printAnswer(flags, names, names.join('\n'));
}

function printPreseed(result: z.output<typeof resultShape>, json: boolean): number {
  if (json) printJson(result);
  else if (!result.ok) printError(`rackboot: ${result.file}:${result.line}: ${result.reason}`);
  else {
    printDocument(result.text);
    printError(
      `rackboot: rendered from ${result.chain.join(', ')}; ${Object.values(STAND_IN).join(', ')} replace secrets`,
    );
  }
  return result.ok ? 0 : 1;
}

/**
 * Chooses the URL at which this machine reaches the rack: in its own network or, if that is
 * unknown, in any network.
 */
function baseUrl(machine: MachineShape, config: RackConfig): string {
  const discoveredAddresses = machine.interface_set.flatMap(({ discovered = [] }) =>
    discovered.map(({ ip_address: address }) => address),
  );
  const addresses = [...machine.ip_addresses, ...discoveredAddresses]
    .map(parseIpv4)
    .filter((address) => address !== undefined);
  const nearInterface = config.clusterInterfaces.find(({ network }) =>
    addresses.some((address) => networkContains(network, address)),
  );
  const localAddress = (nearInterface ?? config.clusterInterfaces.find(({ ip }) => ip !== undefined))?.ip ?? LOOPBACK;
  const endpoint = findEndpointFor(config.boot.http, localAddress) ?? config.boot.http[0];
  return endpoint === undefined ? 'http://127.0.0.1:5240' : formatBaseUrl(endpoint);
}

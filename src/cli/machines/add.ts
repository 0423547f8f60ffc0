// `rackboot machines add`: creates the record of a machine before it has reported itself.

import { z } from 'zod';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import type { OptionNames } from '../../control/field-refusal.ts';
import { RackError } from '../../errors.ts';
import { parseMac } from '../../net/address.ts';
import { print, printJson } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { formOf } from './life.ts';
import { parametersOf } from './machine-power.ts';

/** The options and arguments, by the field that each sets; `power_parameters` name the parameter. */
const NAMES: OptionNames = {
  architecture: '--arch',
  domain: '--domain',
  hostname: '--hostname',
  mac_addresses: 'MACS',
  power_type: '--power-type',
  power_parameters: '--power',
};

interface AddArguments {
  readonly config: string;
  readonly json: boolean;
  readonly macs: readonly string[];
  readonly arch: string;
  readonly hostname?: string | undefined;
  readonly domain?: string | undefined;
  readonly powerType?: string | undefined;
  readonly power: readonly string[];
}

/**
 * Adds a New machine. @returns 0
 * @throws RackError `already-exists` for a machine with one of the addresses, `bad-argument` if the region refuses
 */
export async function addMachine(argv: AddArguments): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  if (argv.power.length > 0 && argv.powerType === undefined)
    throw new RackError('bad-argument', '--power sets parameters of a driver: name the driver with --power-type');
  const odd = argv.macs.find((text) => parseMac(text) === undefined);
  if (odd !== undefined)
    throw new RackError('bad-argument', `${odd} is not a hardware address: write one as 52:54:00:12:34:56`);
  // The region would treat a known machine as one that enlists again, and answer with its record.
  for (const mac of argv.macs) {
    const query = new URLSearchParams({ op: 'is_registered', mac_address: mac });
    if (z.boolean().parse(await askDaemon(stateDir, `${MACHINES_PATH}?${query}`)))
      throw new RackError(
        'already-exists',
        `a machine with the address ${mac} already exists: rackboot machines show ${mac} shows it`,
      );
  }
  const form = formOf({
    architecture: argv.arch,
    mac_addresses: argv.macs.join(','),
    hostname: argv.hostname,
    domain: argv.domain,
    power_type: argv.powerType,
    power_parameters: argv.power.length === 0 ? undefined : JSON.stringify(parametersOf(argv.power)),
  });
  const raw = await askDaemon(stateDir, MACHINES_PATH, 'POST', form, { names: NAMES });
  if (argv.json) printJson(raw);
  else {
    const { fqdn, hostname, system_id: id, status_name: status } = machineShape.parse(raw);
    print(`${fqdn} (${id}) is ${status}. To commission it: rackboot machines accept ${hostname}`);
  }
  return 0;
}

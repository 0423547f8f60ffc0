// The driver for machines without a power controller: a rack of the machine's network wakes it by a
// magic packet. Sources: AMD, Magic Packet Technology; MAAS 1's `ether_wake` (`mac_address`).
//
// 1. A magic packet has no answer, so waking is never `done`: the outcome is `unknown` until the
//    machine is heard.
// 2. A machine that answers by ARP is on. Silence proves nothing: a firewall may drop ARP only in
//    another network, and a machine that starts has no address yet. So it is never reported as off.
// 3. It cannot switch off: our environment obeys the region, and a person does the rest.

import { z } from 'zod';
import { parseMac } from '../ground/address.ts';
import { type ConnectOptions, defineDriver, type PowerPort } from './driver.ts';
import { outcome, type PowerOutcome } from './outcome.ts';
import { secret } from './parameters.ts';

const hardwareAddress = z
  .string()
  .max(32)
  .transform((text, context) => {
    const mac = parseMac(text);
    if (mac !== undefined) return mac;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  });

const schema = z.strictObject({
  mac_address: hardwareAddress,
  /** As cards take it: six or four bytes, in hexadecimal digits with separators. */
  power_pass: secret(
    z
      .string()
      .regex(/^[0-9a-f]{2}([:-]?[0-9a-f]{2}){3}(([:-]?[0-9a-f]{2}){2})?$/i)
      .optional(),
  ),
});
export type WakeOnLanParameter = keyof z.infer<typeof schema>;

/** The driver `wakeonlan`. */
export const wakeOnLan = defineDriver({
  name: 'wakeonlan',
  switches: 'on',
  parameters: schema,
  connect: openWakeOnLan,
});

function openWakeOnLan({ machine, settings, deps: { racks } }: ConnectOptions<typeof schema>): PowerPort {
  const { mac_address: mac, power_pass: password } = settings;
  const query = async (): Promise<PowerOutcome> => {
    const isHeard = await racks?.hears(machine, mac);
    if (isHeard === undefined) return outcome('done', { code: 'no-rack-hears', params: {} });
    return isHeard
      ? outcome('done', { code: 'answers-arp', params: {} }, 'on')
      : outcome('done', { code: 'silent', params: {} });
  };
  return {
    controller: `wakeonlan ${machine}`,
    async on() {
      const sent = (await racks?.wake(machine, mac, password?.replaceAll(/[:-]/g, ''))) ?? [];
      return sent.length === 0
        ? outcome('unreachable', { code: 'no-rack-wakes', params: {} })
        : outcome('unknown', { code: 'wake-sent', params: { by: sent } });
    },
    query,
  };
}

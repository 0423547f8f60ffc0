// What of a good configuration has no effect, although somebody may expect one. Pure.

import { findNamedOption } from '../dhcp/wire/option-names.ts';
import type { RackConfig } from './rack-config.ts';

/** Each in a sentence that names the place and the remedy. */
export function configNotes({ dhcp }: RackConfig): readonly string[] {
  return dhcp.subnets.flatMap(({ name, proxy, options }) => {
    if (proxy !== true || options === undefined) return [];
    const names = [...options.byCode.keys()].map((code) => findNamedOption(code)?.name ?? `${code}`);
    return [
      `${name} is in proxy mode, where another DHCP server gives the options: ${names.join(', ')} of dhcp.options ` +
        `${names.length === 1 ? 'is' : 'are'} not sent there; configure them on that server.`,
    ];
  });
}

// What a rack says of its networks when it registers: as much as a person needs to judge it. Its heartbeats say the rest once it is accepted.

import type { RackDescription, RackInterface } from '../region/records/rack-description.ts';

/** In UTF-16 units: what a region reads of a rack that nobody accepted. */
const REGISTRATION_LENGTH_MAX = 16_384;

/** The interfaces as JSON, without what they reserve for clients; where there are many, names, networks and management alone. */
export function registrationText(interfaces: readonly RackInterface[]): string {
  const whole = JSON.stringify(interfaces.map((one) => ({ ...one, reservations: undefined })));
  if (whole.length <= REGISTRATION_LENGTH_MAX) return whole;
  return JSON.stringify(interfaces.map(({ name, network, management }) => ({ name, network, management })));
}

/** What a rack says of itself, as the fields of a form. */
export const registrationFields = ({ uuid, name, version, interfaces }: RackDescription) => ({
  uuid,
  name,
  version,
  interfaces: registrationText(interfaces),
});

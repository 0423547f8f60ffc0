// Describes a rack's networks for its registration, in as much detail as an administrator needs to judge it. Its heartbeats send the rest
// once it is accepted.

import type { RackDescription, RackInterface } from '../region/records/rack-description.ts';

/** The most UTF-16 units that a region reads from a rack that is not accepted. */
const REGISTRATION_LENGTH_MAX = 16_384;

/** The interfaces as JSON, without reservations; if that is too long, only their names, networks and management. */
export function registrationText(interfaces: readonly RackInterface[]): string {
  const whole = JSON.stringify(interfaces.map((one) => ({ ...one, reservations: undefined })));
  if (whole.length <= REGISTRATION_LENGTH_MAX) return whole;
  return JSON.stringify(interfaces.map(({ name, network, management }) => ({ name, network, management })));
}

/** A rack's description as form fields. */
export const registrationFields = ({ uuid, name, version, interfaces }: RackDescription) => ({
  uuid,
  name,
  version,
  interfaces: registrationText(interfaces),
});

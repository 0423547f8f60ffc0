// The unit under a real systemd, from its user to its end; the long suite has the separate region, too.
// @host waits

import { testSystemdService } from '../cases/systemd-service.ts';

testSystemdService('short');

import type {
  AddressRequest,
  GoCredentials,
  GoRole,
  GoServers,
  NotInUse,
} from "../../src/agent/credentials/go-servers.ts";
import type { IpAddress } from "../../src/domain/ip-address.ts";
import { createListeners } from "../../src/runtime/listeners.ts";

export interface FakeGoServers extends GoServers {
  /** What was asked, in order: `role 10.0.0.1`, `credentials 10.0.0.1 reader`. */
  readonly asked: readonly string[];
  /** How it answers; by default that nobody has the address. */
  onRole: (address: IpAddress, signal: AbortSignal) => Promise<GoRole | NotInUse>;
  onCredentials: (request: AddressRequest, signal: AbortSignal) => Promise<GoCredentials | NotInUse>;
  /** Serves pods from now on. */
  come(): void;
  go(): void;
}

/** Servers of the Go release that do what the test says; none is in use at first. */
export function createGoServers(): FakeGoServers {
  const changes = createListeners<void>();
  const asked: string[] = [];
  let inUse = false;

  function change(to: boolean): void {
    inUse = to;
    changes.tell();
  }

  const fake: FakeGoServers = {
    get inUse() {
      return inUse;
    },
    changes,
    asked,
    onRole: async () => ({ kind: "nobody" }),
    onCredentials: async () => ({ kind: "nobody" }),
    role(address, signal) {
      asked.push(`role ${address}`);
      return fake.onRole(address, signal);
    },
    credentials(request, signal) {
      asked.push(`credentials ${request.address} ${request.role}`);
      return fake.onCredentials(request, signal);
    },
    come: () => change(true),
    go: () => change(false),
  };
  return fake;
}

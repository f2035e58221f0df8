/** The reference for starting and for memory: a compiled program that answers one HTTP request and does nothing else. argv: host, port. */
import { createServer } from "node:http";

const [, , host = "127.0.0.1", port = "0"] = process.argv;

createServer((_request, response) => response.end("{}")).listen(Number(port), host);

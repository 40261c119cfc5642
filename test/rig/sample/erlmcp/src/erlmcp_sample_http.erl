%% A small HTTP/1.0 server for health checks and for tests; every connection has its own process.
-module(erlmcp_sample_http).
-behaviour(gen_server).

-export([start_link/0]).
-export([init/1, handle_call/3, handle_cast/2]).

-define(TIMEOUT_MS, 10000).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) ->
    Options = [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}, {backlog, 64}],
    case gen_tcp:listen(erlmcp_sample_config:get(http_port), Options) of
        {ok, Listener} ->
            _ = spawn_link(fun() -> accept(Listener) end),
            {ok, Listener};
        {error, Reason} ->
            {stop, {listen, Reason}}
    end.

handle_call(_Request, _From, State) ->
    {reply, ok, State}.

handle_cast(_Request, State) ->
    {noreply, State}.

accept(Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            Pid = spawn(fun() ->
                receive
                    go -> serve(Socket)
                end
            end),
            ok = gen_tcp:controlling_process(Socket, Pid),
            Pid ! go,
            accept(Listener);
        {error, closed} ->
            ok
    end.

serve(Socket) ->
    case gen_tcp:recv(Socket, 0, ?TIMEOUT_MS) of
        {ok, {http_request, Method, {abs_path, Target}, _Version}} ->
            ok = skip_headers(Socket),
            {Status, Body} = answer(Method, uri_string:parse(Target)),
            Json = erlmcp_sample_json:encode(Body),
            _ = gen_tcp:send(Socket, [
                <<"HTTP/1.0 ">>, status_line(Status), <<"\r\nContent-Type: application/json\r\n">>,
                <<"Content-Length: ">>, integer_to_binary(iolist_size(Json) + 1), <<"\r\n\r\n">>,
                Json, $\n
            ]),
            gen_tcp:close(Socket);
        _ ->
            gen_tcp:close(Socket)
    end.

%% No request here has a body: a line after the headers is never read.
skip_headers(Socket) ->
    case gen_tcp:recv(Socket, 0, ?TIMEOUT_MS) of
        {ok, http_eoh} -> ok;
        {ok, {http_header, _, _, _, _}} -> skip_headers(Socket);
        _ -> closed
    end.

answer(Method, #{path := Path} = Uri) ->
    Query = maps:from_list(uri_string:dissect_query(maps:get(query, Uri, <<>>))),
    try
        erlmcp_sample_api:handle(Method, Path, Query)
    catch
        throw:{bad_request, Why} ->
            {400, #{error => Why}};
        Class:Reason:Stack ->
            logger:error("~ts ~ts: ~p:~p ~p", [Method, Path, Class, Reason, Stack]),
            {500, #{error => unicode:characters_to_binary(io_lib:format("~tp", [Reason]))}}
    end.

status_line(200) -> <<"200 OK">>;
status_line(400) -> <<"400 Bad Request">>;
status_line(404) -> <<"404 Not Found">>;
status_line(500) -> <<"500 Internal Server Error">>;
status_line(503) -> <<"503 Service Unavailable">>.

%%% @doc Turns captured tables back into the files that stock OTP reads: a Mnesia backup (mnesia:restore/2,
%%% mnesia:install_fallback/1), a file for ets:file2tab/1, a DETS file. Runs in a throwaway VM of the release that
%%% shall read them, so that OTP itself writes its formats.
%%%
%%% Standard input: for each file a control frame with its facts, its rows as frames, a control frame at the end.
%%% Standard output: `+' for every MiB taken (the writer keeps a few under way), a line `ok ROWS' for each file.
%%% A failure is one line `erlmcp: unpack TEXT' on standard error and exit status 1; no unfinished file remains.
-module(erlmcp_unpack).

-export([main/2, rename/2]).

-define(BATCH, 1000).
-define(ACK_BYTES, 1048576).

-record(in, {port :: port(), buffer :: binary(), out :: port(), pending = 0 :: integer()}).

%% @doc `Seen' is what was read from the port of standard input already.
-spec main(port(), binary()) -> no_return().
main(Port, Seen) ->
    process_flag(trap_exit, true),
    try files(#in{port = Port, buffer = Seen, out = open_port({fd, 1, 1}, [out, binary])})
    catch
        _:Why:Stack ->
            Text = [C || C <- lists:flatten(io_lib:format("~tp", [{Why, lists:sublist(Stack, 2)}])), C >= 32],
            io:format(standard_error, "erlmcp: unpack ~ts~n", [Text]),
            halt(1)
    end.

files(In) ->
    case next(In) of
        eof -> halt(0);
        {control, #{<<"file">> := Name, <<"kind">> := Kind, <<"rows">> := Announced, <<"facts">> := Facts0}, In1} ->
            File = unicode:characters_to_list(Name),
            Facts = Facts0#{<<"rows">> => Announced},
            Part = File ++ ".part",
            {Rows, In2} = try write(Kind, Part, Facts, In1)
                          catch C:E:S -> _ = file:delete(Part), erlang:raise(C, E, S)
                          end,
            ok = file:rename(Part, File),
            true = port_command(In2#in.out, io_lib:format("ok ~b~n", [Rows])),
            files(In2)
    end.

%%% ------------------------------------------------------------------ files

write(<<"ets">>, File, Facts, In) ->
    Header = ets_header(File, Facts),
    {ok, Log} = disk_log:open([{name, make_ref()}, {file, File}, {repair, truncate}]),
    Put = fun(Terms, Md5) ->
              Binaries = [term_to_binary(Term) || Term <- Terms],
              ok = disk_log:blog_terms(Log, Binaries),
              erlang:md5_update(Md5, Binaries)
          end,
    Begun = Put([Header], erlang:md5_init()),
    {{Rows, Md5}, In1} = fold(fun(Batch, {Count, Acc}) -> {Count + length(Batch), Put(Batch, Acc)} end, {0, Begun}, In),
    _ = Put([['$end_of_table', [{count, Rows}, {md5, erlang:md5_final(Md5)}]]], erlang:md5_init()),
    ok = disk_log:sync(Log),
    ok = disk_log:close(Log),
    {Rows, In1};
write(<<"dets">>, File, Facts, In) ->
    {ok, Table} = dets:open_file(make_ref(), [{file, File}, {type, atom(<<"type">>, Facts)},
                                              {keypos, maps:get(<<"keypos">>, Facts)}, {auto_save, infinity}]),
    Me = self(),
    Slots = min(32000000, max(256, maps:get(<<"rows">>, Facts))),
    Loader = spawn_link(fun() -> Me ! {loaded, self(), dets:init_table(Table, source(Me), [{min_no_slots, Slots}])} end),
    {Rows, In1} = fold(fun(Batch, Count) -> feed(Batch), Count + length(Batch) end, 0, In),
    feed(eof),
    receive {loaded, Loader, Result} -> ok = Result end,
    ok = dets:close(Table),
    {Rows, In1};
write(<<"mnesia">>, File, Facts, In) ->
    Renamed = maps:from_list([{binary_to_atom(Old, utf8), binary_to_atom(New, utf8)}
                              || {Old, New} <- maps:to_list(maps:get(<<"rename">>, Facts, #{}))]),
    {ok, Log} = mnesia_backup:open_write(File),
    {ok, Log1} = mnesia_backup:write(Log, [mnesia_log:backup_log_header()]),
    Write = fun(Batch, {Count, Acc}) ->
                {ok, Acc1} = mnesia_backup:write(Acc, [rename(Item, Renamed) || Item <- Batch]),
                {Count + length(Batch), Acc1}
            end,
    {{Rows, Log2}, In1} = fold(Write, {0, Log1}, In),
    {ok, _} = mnesia_backup:commit_write(Log2),
    {Rows, In1}.

%% ets:tab2file/3 mixes the rows of one key of a bag, and would want the whole table in memory. So OTP writes the file
%% of an empty table, and the rows follow its header as they come.
ets_header(File, Facts) ->
    Empty = File ++ ".header",
    Table = ets:new(atom(<<"name">>, Facts), ets_options(Facts)),
    ok = ets:tab2file(Table, Empty, [{extended_info, [object_count, md5sum]}]),
    true = ets:delete(Table),
    {ok, Log} = disk_log:open([{name, make_ref()}, {file, Empty}, {mode, read_only}]),
    {_, [Header | _]} = disk_log:chunk(Log, start),
    ok = disk_log:close(Log),
    ok = file:delete(Empty),
    list_to_tuple(lists:keyreplace(size, 1, tuple_to_list(Header), {size, maps:get(<<"rows">>, Facts)})).

ets_options(Facts) ->
    Flags = [{Key, atom(Name, Facts)} || {Key, Name} <- [{read_concurrency, <<"read_concurrency">>},
                                                         {write_concurrency, <<"write_concurrency">>},
                                                         {decentralized_counters, <<"decentralized_counters">>}],
                                         atom(Name, Facts) =/= undefined],
    [atom(<<"type">>, Facts), atom(<<"protection">>, Facts), {keypos, maps:get(<<"keypos">>, Facts)} | Flags]
        ++ [named_table || maps:get(<<"named">>, Facts) =:= true] ++ [compressed || atom(<<"compressed">>, Facts) =:= true].

atom(Name, Facts) -> binary_to_atom(maps:get(Name, Facts), utf8).

%% dets:init_table/3 calls this in the table's own process.
source(From) ->
    fun(read) ->
           From ! {more, self()},
           receive {rows, eof} -> end_of_input; {rows, Batch} -> {Batch, source(From)} end;
       (close) -> ok
    end.

feed(Batch) ->
    receive
        {more, Pid} -> Pid ! {rows, Batch};
        {'EXIT', _, Why} when Why =/= normal -> error(Why);
        {loaded, _, Result} -> error(Result)
    end.

%%% ------------------------------------------------------------------ node names

%% @doc Every place of a table's definition where a node's name stands. Two old nodes may become one.
-spec rename(tuple(), #{node() => node()}) -> tuple().
rename({schema, Table, Definition}, Renamed) when is_list(Definition), map_size(Renamed) > 0 ->
    {schema, Table, one_copy([property(Property, Renamed) || Property <- Definition])};
rename(Item, _) -> Item.

property({Key, Nodes}, Renamed) when is_list(Nodes),
        (Key =:= ram_copies orelse Key =:= disc_copies orelse Key =:= disc_only_copies orelse Key =:= master_nodes) ->
    {Key, nodes_of(Nodes, Renamed)};
property({{Alias, Module}, Nodes}, Renamed) when is_atom(Alias), is_atom(Module), is_list(Nodes) ->
    {{Alias, Module}, nodes_of(Nodes, Renamed)};
property({Key, Properties}, Renamed) when is_list(Properties), (Key =:= frag_properties orelse Key =:= user_properties) ->
    {Key, [case P of {node_pool, Nodes} when is_list(Nodes) -> {node_pool, nodes_of(Nodes, Renamed)}; _ -> P end || P <- Properties]};
property({cookie, {Id, Node}}, Renamed) -> {cookie, {Id, maps:get(Node, Renamed, Node)}};
property({version, {Version, {Node, Time}}}, Renamed) when is_atom(Node) ->
    {version, {Version, {maps:get(Node, Renamed, Node), Time}}};
property(Property, _) -> Property.

nodes_of(Nodes, Renamed) -> lists:uniq([maps:get(Node, Renamed, Node) || Node <- Nodes]).

%% A node holds one copy of a table: disc before disc_only before ram.
one_copy(Definition) ->
    Disc = proplists:get_value(disc_copies, Definition, []),
    Only = proplists:get_value(disc_only_copies, Definition, []) -- Disc,
    Ram = (proplists:get_value(ram_copies, Definition, []) -- Disc) -- Only,
    lists:foldl(fun({Key, Nodes}, Acc) -> lists:keyreplace(Key, 1, Acc, {Key, Nodes}) end, Definition,
                [{disc_only_copies, Only}, {ram_copies, Ram}]).

%%% ------------------------------------------------------------------ frames

%% Folds over the rows of one file in batches, up to its closing frame, and checks their number.
fold(Fun, Acc, In) -> fold(Fun, Acc, In, [], 0, 0).

fold(Fun, Acc, In, Batch, Size, Total) when Size =:= ?BATCH ->
    fold(Fun, Fun(lists:reverse(Batch), Acc), In, [], 0, Total);
fold(Fun, Acc, In, Batch, Size, Total) ->
    case next(In) of
        {row, Row, In1} -> fold(Fun, Acc, In1, [Row | Batch], Size + 1, Total + 1);
        {control, #{<<"end">> := Total}, In1} when Batch =:= [] -> {Acc, In1};
        {control, #{<<"end">> := Total}, In1} -> {Fun(lists:reverse(Batch), Acc), In1};
        {control, Other, _} -> error({rows, Total, instead_of, Other});
        eof -> error(cut_short)
    end.

next(#in{port = Port, buffer = Buffer} = In) ->
    case Buffer of
        <<0:1, Length:31, Row:Length/binary, Rest/binary>> ->
            {row, binary_to_term(Row), taken(4 + Length, In#in{buffer = Rest})};
        <<1:1, Length:31, Term:Length/binary, Rest/binary>> ->
            {control, binary_to_term(Term), taken(4 + Length, In#in{buffer = Rest})};
        _ ->
            receive
                {Port, {data, Data}} -> next(In#in{buffer = <<Buffer/binary, Data/binary>>});
                {Port, eof} when Buffer =:= <<>> -> eof;
                {Port, eof} -> error(cut_short)
            end
    end.

taken(Bytes, #in{pending = Pending, out = Out} = In) when Pending + Bytes >= ?ACK_BYTES ->
    Acks = (Pending + Bytes) div ?ACK_BYTES,
    true = port_command(Out, lists:duplicate(Acks, $+)),
    In#in{pending = (Pending + Bytes) rem ?ACK_BYTES};
taken(Bytes, #in{pending = Pending} = In) -> In#in{pending = Pending + Bytes}.
